import { S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, type DescribeExecutionOutput, SFNClient } from '@aws-sdk/client-sfn';
import * as v from 'valibot';
import { CutoutError } from './errors.ts';
import { bucketsFromEnv, firstSubmission, isUpload, resultKeyOf, type Submittable } from './input.ts';
import { isJobOf, type Job, parse, parseJob, publicSource } from './job.ts';
import { withKmsKey } from './results/encryption.ts';
import { type ErrorFile, writeErrorFile } from './results/error-file.ts';
import { lastState, whatFailed } from './results/failure.ts';
import { whySettled } from './results/standing.ts';
import { batchHandlerOf, jsonBody } from './runtime/batch.ts';
import { logger } from './runtime/handler.ts';
import { countFailure } from './runtime/metrics.ts';

const s3 = withKmsKey(new S3Client({}), process.env.RESULTS_KMS_KEY);
const sfn = new SFNClient({});
const buckets = bucketsFromEnv();
const { resultsBucket } = buckets;

/** The part of EventBridge's "Step Functions Execution Status Change" event that matters; the rest is asked for anew. */
const StatusChange = v.object({ detail: v.object({ executionArn: v.string() }) });

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
  const { source, requestId } = image;
  const place = { bucket: resultsBucket, resultKey: resultKeyOf(image, buckets) };
  logger.appendKeys({ source: publicSource(source), requestId, errorName: failure.error });

  const { name = executionArn, startDate: startedAt = new Date(), stopDate: failedAt = new Date() } = execution;
  const file: ErrorFile = {
    ...failure,
    requestId,
    source: publicSource(source),
    execution: name,
    time: failedAt.toISOString(),
  };
  const done = await writeErrorFile(s3, place, file, executionArn, async () => {
    if (!hasFailed(await describe(executionArn))) return REDRIVEN;
    return whySettled(s3, place, { source, startedAt, failedAt }, (upload) => isUpload(upload, buckets));
  });
  logger.info(done);
}

const REDRIVEN = { reason: 'the execution has been redriven', isDelivered: false };

type FailedImage = Pick<Submittable, 'source' | 'givenKey'> & Pick<Job, 'requestId'>;

/** The image the execution was about; undefined if its input names none that this deployment could have a result for. */
function imageOf(execution: DescribeExecutionOutput, state: unknown): FailedImage | undefined {
  if (isJobOf(execution.name ?? '', state)) return parseJob(state);
  try {
    return { ...firstSubmission(JSON.parse(execution.input ?? 'null'), buckets), requestId: null };
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
