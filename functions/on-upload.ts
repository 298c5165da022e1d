import { S3Client } from '@aws-sdk/client-s3';
import { ExecutionAlreadyExists, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import * as v from 'valibot';
import type { ExecutionInput } from './contract.ts';
import { suffixesFromEnv } from './input.ts';
import { parse } from './job.ts';
import { executionName } from './results/keys.ts';
import { batchHandlerOf, jsonBody } from './runtime/batch.ts';
import { env } from './runtime/env.ts';
import { logger } from './runtime/handler.ts';
import { count } from './runtime/metrics.ts';
import { holdBack } from './spending/hold-back.ts';
import { type Pause, PauseObject, pausePlaceFromEnv } from './spending/pause.ts';

const sfn = new SFNClient({});
const stateMachineArn = env('STATE_MACHINE_ARN');
const suffixes = suffixesFromEnv();
const place = pausePlaceFromEnv();
const pauses = place && new PauseObject(new S3Client({}), place);
const startAll = batchHandlerOf(startExecution, Number(env('MS_PER_UPLOAD')));

/** The part of EventBridge's "Object Created" event that matters; keys come plain, not URL-encoded. */
const ObjectCreated = v.object({
  detail: v.object({
    bucket: v.object({ name: v.string() }),
    object: v.object({
      key: v.string(),
      etag: v.optional(v.string()),
      'version-id': v.optional(v.string()),
      sequencer: v.optional(v.string()),
    }),
  }),
});

/** The S3 upload trigger: claims each upload by starting its execution, unless uploads are held back. */
export const handler = async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
  const pause = await lookAtPause();
  return pause === undefined ? startAll(event, context) : holdBack(event, pause);
};

/** Where it cannot be seen whether there is a pause, uploads go on: what is refused is not paid for. */
async function lookAtPause(): Promise<Pause | undefined> {
  try {
    return await pauses?.look();
  } catch (error) {
    logger.warn('the pause could not be looked at', { error: error as Error });
    return undefined;
  }
}

async function startExecution(record: SQSRecord): Promise<void> {
  const log = logger.createChild({ persistentKeys: { messageId: record.messageId } });
  try {
    const { bucket, object } = parse(ObjectCreated, jsonBody(record), 'The "Object Created" event').detail;
    const version = {
      bucket: bucket.name,
      key: object.key,
      versionId: object['version-id'],
      etag: object.etag,
      sequencer: object.sequencer,
    };
    log.appendKeys(version);
    if (object.key.endsWith('/')) return log.info('skipped: a folder marker');
    // The rule tells of all keys that have the prefix.
    if (!suffixes.some((suffix) => object.key.endsWith(suffix))) return log.info('skipped: no ending of an upload');

    const { sequencer: _, ...input } = version satisfies ExecutionInput & { sequencer: unknown };
    const name = executionName(version);
    log.appendKeys({ execution: name });
    await sfn.send(new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) }));
    count('Uploads');
    log.info('claimed');
  } catch (error) {
    // A duplicate of an event whose execution has ended; while it runs, AWS answers the same call with success.
    if (error instanceof ExecutionAlreadyExists) return log.info('already claimed');
    log.error('not claimed, stays in the queue', { error: error as Error });
    throw error;
  }
}
