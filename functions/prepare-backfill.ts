import { GetBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import * as v from 'valibot';
import { type Backfill, parseBackfillInput } from './backfill/contract.ts';
import { CutoutError } from './errors.ts';
import { bucketsFromEnv } from './input.ts';
import { parse } from './job.ts';
import { env } from './runtime/env.ts';
import { handlerOf, logger } from './runtime/handler.ts';

const sfn = new SFNClient({});
const s3 = new S3Client({});
// The endpoint comes from where all others do, and not from the URL of a queue.
const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
const buckets = bucketsFromEnv();
/** Where upload events wait for their execution, and where those lie that could not be processed. */
const queues = { 'upload queue': env('QUEUE_URL'), 'dead-letter queue': env('DEAD_LETTER_QUEUE_URL') };

const Event = v.object({
  execution: v.string(),
  stateMachineArn: v.string(),
  startedAt: v.string(),
  input: v.unknown(),
});

/** The first state of a backfill: checks its input, fills in the defaults, and refuses what could pay for an image twice. */
export const handler = handlerOf(async (event: unknown): Promise<{ backfill: Backfill }> => {
  const { execution, stateMachineArn, startedAt, input } = parse(Event, event, 'The event');
  logger.appendKeys({ backfill: execution });
  const backfill = parseBackfillInput(input, { ...buckets, execution, startedAt });
  if (!backfill.dryRun) {
    await refuseAnother(stateMachineArn, execution, startedAt);
    await refuseQueued();
  }
  logger.info('backfill', { ...backfill });
  return { backfill };
});

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

/** Whether every upload gets a version of its own, by which a backfill and the upload's event name the same execution. */
async function keepsVersions(): Promise<boolean> {
  const { Status } = await s3.send(new GetBucketVersioningCommand({ Bucket: buckets.uploadsBucket }));
  return Status === 'Enabled';
}

/** Without versions, what waits for its own execution would be submitted once more when its event is processed. */
async function refuseQueued(): Promise<void> {
  for (const [what, QueueUrl] of Object.entries(queues)) {
    const messages = await messagesIn(QueueUrl);
    if (messages === 0 || (await keepsVersions())) continue;
    throw new CutoutError(
      'InvalidInput',
      `The ${what} holds about ${messages} messages, and in a bucket without versioning a backfill could pay for their ` +
        'images again: wait until the queue is empty, and move dead letters first (stack output MoveDeadLettersCommand)',
    );
  }
}

async function messagesIn(QueueUrl: string): Promise<number> {
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl,
      AttributeNames: [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
      ],
    }),
  );
  return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
}
