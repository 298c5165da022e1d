import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import * as v from 'valibot';
import { type Backfill, parseBackfillInput } from './backfill/contract.ts';
import { CutoutError } from './errors.ts';
import { bucketsFromEnv } from './input.ts';
import { parse } from './job.ts';
import { handlerOf, logger } from './runtime/handler.ts';

const s3 = new S3Client({});
const sfn = new SFNClient({});
const buckets = bucketsFromEnv();
const inventoryBucket = process.env.INVENTORY_BUCKET;

const Event = v.object({
  execution: v.string(),
  stateMachineArn: v.string(),
  startedAt: v.string(),
  input: v.unknown(),
});
const Manifest = v.object({ sourceBucket: v.string(), fileFormat: v.string() });

/** The first state of a backfill: checks its input, fills in the defaults, and sees that no other backfill runs. */
export const handler = handlerOf(async (event: unknown): Promise<{ backfill: Backfill }> => {
  const { execution, stateMachineArn, startedAt, input } = parse(Event, event, 'The event');
  logger.appendKeys({ backfill: execution });
  const backfill = parseBackfillInput(input, { ...buckets, execution, startedAt, inventoryBucket });
  if (backfill.source === 'INVENTORY') await checkManifest(backfill.manifestKey);
  if (!backfill.dryRun) await refuseAnother(stateMachineArn, execution, startedAt);
  logger.info('backfill', { ...backfill });
  return { backfill };
});

/** Before anything is looked at: of another bucket, or in another format, it would list nothing that could be used. */
async function checkManifest(Key: string): Promise<void> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: inventoryBucket, Key }));
  const { sourceBucket, fileFormat } = parse(
    Manifest,
    JSON.parse((await Body?.transformToString()) ?? ''),
    'The manifest',
  );
  if (sourceBucket !== buckets.uploadsBucket) {
    throw new CutoutError(
      'InvalidInput',
      `"manifest" is an inventory of the bucket ${sourceBucket}, not of ${buckets.uploadsBucket}`,
    );
  }
  if (fileFormat !== 'CSV')
    throw new CutoutError('InvalidInput', `"manifest" is of an inventory in ${fileFormat}, but only CSV is read`);
}

/** Two at once would select the same images, and could both pay for one: the one that began first goes on. */
async function refuseAnother(stateMachineArn: string, execution: string, startedAt: string): Promise<void> {
  const running = new ListExecutionsCommand({ stateMachineArn, statusFilter: 'RUNNING' });
  const { executions = [] } = await sfn.send(running);
  const beganAt = Date.parse(startedAt);
  const first = executions.find(({ name = '', startDate }) => {
    const sooner = beganAt - Number(startDate);
    return name !== execution && (sooner > 0 || (sooner === 0 && name < execution));
  });
  if (first)
    throw new CutoutError(
      'InvalidInput',
      `Another backfill is running, ${first.name}: wait until it has ended, or stop it`,
    );
}
