import { S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, type DescribeExecutionOutput, SFNClient } from '@aws-sdk/client-sfn';
import * as v from 'valibot';
import { CutoutError, InternalError } from './errors.ts';
import { bucketsFromEnv, firstSubmission, type Submittable } from './input.ts';
import { isJobOf, type Job, parse, parseJob, publicSource } from './job.ts';
import { deleteIfUnchanged, putIfUnchanged } from './results/conditional-writes.ts';
import { type Failure, lastState, whatFailed } from './results/failure.ts';
import { errorKey, sha256 } from './results/keys.ts';
import { DELIVERED, whySettled } from './results/metadata.ts';
import { headObject } from './results/objects.ts';
import { batchHandlerOf, jsonBody } from './runtime/batch.ts';
import { env } from './runtime/env.ts';
import { logger } from './runtime/handler.ts';
import { countFailure } from './runtime/metrics.ts';

const s3 = new S3Client({});
const sfn = new SFNClient({});
const buckets = bucketsFromEnv();
const resultsBucket = env('RESULTS_BUCKET');
/** How often the file is written anew because another one came in between. */
const MAX_ATTEMPTS = 5;

/** The part of EventBridge's "Step Functions Execution Status Change" event that matters; the rest is asked for anew. */
const StatusChange = v.object({ detail: v.object({ executionArn: v.string() }) });

/** What stands in `<key>.error.json`. */
interface ErrorFile extends Failure {
  requestId: string | null;
  source: Job['source'];
  /** The execution's name. */
  execution: string;
  /** When the execution ended, ISO 8601. */
  time: string;
}

/** Writes `<key>.error.json` where the result of an execution that failed, timed out or was aborted would be. */
export const handler = batchHandlerOf(async (record) => {
  logger.appendKeys({ messageId: record.messageId });
  try {
    await report(parse(StatusChange, jsonBody(record), 'The "Execution Status Change" event').detail.executionArn);
  } catch (error) {
    logger.error('not reported, stays in the queue', { error: error as Error });
    throw error;
  }
});

async function report(executionArn: string): Promise<void> {
  logger.appendKeys({ executionArn });
  const execution = await describe(executionArn);
  const state = await lastState(sfn, executionArn);
  const failure = whatFailed(execution, state?.name);
  if (hasFailed(execution)) countFailure(failure.error);
  const image = imageOf(execution, state?.input);
  if (image === undefined) return;
  const { source, resultKey, requestId = null } = image;
  logger.appendKeys({ source: publicSource(source), requestId, errorName: failure.error });

  const { name = executionArn, stopDate: failedAt = new Date() } = execution;
  const file: ErrorFile = {
    ...failure,
    requestId,
    source: publicSource(source),
    execution: name,
    time: failedAt.toISOString(),
  };
  const body = `${JSON.stringify(file, null, 2)}\n`;
  const metadata = { 'execution-sha256': sha256(executionArn) };
  await writeUnlessSettled({ ...target(resultKey), body, metadata }, async () => {
    if (!hasFailed(await describe(executionArn))) return 'the execution has been redriven';
    return whySettled(s3, resultsBucket, { source, resultKey, failedAt });
  });
}

/**
 * Writes the error file, provided that it still is of interest and that nobody else's has come in between.
 *
 * @param settledBy Why it is of no interest any more; undefined if it is.
 */
async function writeUnlessSettled(
  file: { bucket: string; key: string; body: string; metadata: { 'execution-sha256': string } },
  settledBy: () => Promise<string | undefined>,
): Promise<void> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    // In this order: an error file of a newer upload that comes after the first look changes the object.
    const before = await headObject(s3, file.bucket, file.key);
    const settled = await settledBy();
    if (settled !== undefined) {
      // A file of this execution was left by an attempt that died before its second look; beside a result none stands.
      const isOwn = before?.metadata['execution-sha256'] === file.metadata['execution-sha256'];
      if (before && (isOwn || settled === DELIVERED)) await deleteIfUnchanged(s3, { ...file, etag: before.etag });
      return logger.info(`no error file: ${settled}`);
    }
    const content = { body: file.body, contentType: 'application/json' };
    const etag = await putIfUnchanged(s3, { ...file, before }, content);
    if (etag === 'CHANGED') continue;
    logger.info('error file written');

    // A redrive or a newer upload may have ended since the look. Whatever ends after this second one finds the file and
    // deletes it itself, so a result and an error file never stay side by side.
    const settledNow = await settledBy();
    if (settledNow === undefined) return;
    await deleteIfUnchanged(s3, { ...file, etag });
    return logger.info(`error file withdrawn: ${settledNow}`);
  }
  throw new InternalError(`The error file kept changing while it was written ${MAX_ATTEMPTS} times`);
}

type FailedImage = Pick<Submittable, 'source' | 'resultKey'> & Pick<Job, 'requestId'>;

/** The image the execution was about; undefined if its input names none that this deployment could have a result for. */
function imageOf(execution: DescribeExecutionOutput, state: unknown): FailedImage | undefined {
  if (isJobOf(execution.name ?? '', state)) return parseJob(state);
  try {
    return { ...firstSubmission(JSON.parse(execution.input ?? 'null'), buckets), requestId: undefined };
  } catch (error) {
    if (!(error instanceof CutoutError)) throw error;
    logger.warn('no error file: there is no key to put it beside', { errorMessage: error.message });
    return undefined;
  }
}

function describe(executionArn: string): Promise<DescribeExecutionOutput> {
  return sfn.send(new DescribeExecutionCommand({ executionArn }));
}

function hasFailed({ status }: DescribeExecutionOutput): boolean {
  return status !== 'RUNNING' && status !== 'SUCCEEDED';
}

function target(resultKey: string): { bucket: string; key: string } {
  return { bucket: resultsBucket, key: errorKey(resultKey) };
}
