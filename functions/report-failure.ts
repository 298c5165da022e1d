import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, type DescribeExecutionOutput, SFNClient } from '@aws-sdk/client-sfn';
import * as v from 'valibot';
import { env } from './shared/environment.ts';
import { CutoutError } from './shared/errors.ts';
import { type Failure, lastState, whatFailed } from './shared/failures.ts';
import { handlerOf, logger } from './shared/handler.ts';
import { bucketsFromEnv, firstSubmission, type Submittable } from './shared/input.ts';
import { isJobOf, type Job, parse, parseJob, publicSource } from './shared/job.ts';
import { errorKey } from './shared/names.ts';
import { headObject, httpStatus, isSuperseded } from './shared/objects.ts';
import { hasResult } from './shared/provenance.ts';

const s3 = new S3Client({});
const sfn = new SFNClient({});
const buckets = bucketsFromEnv();
const resultsBucket = env('RESULTS_BUCKET');

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
export const handler = handlerOf(async (event: unknown): Promise<void> => {
  const { executionArn } = parse(StatusChange, event, 'The "Execution Status Change" event').detail;
  logger.appendKeys({ executionArn });
  const execution = await describe(executionArn);
  const state = await lastState(sfn, executionArn);
  const image = imageOf(execution, state?.input);
  if (image === undefined) return;
  logger.appendKeys({ source: publicSource(image.source), requestId: image.requestId });

  const moot = await whyMoot(executionArn, image);
  if (moot !== undefined) return logger.info(`no error file: ${moot}`);
  const file: ErrorFile = {
    ...whatFailed(execution, state?.name),
    requestId: image.requestId ?? null,
    source: publicSource(image.source),
    execution: execution.name ?? executionArn,
    time: (execution.stopDate ?? new Date()).toISOString(),
  };
  const etag = await write(errorKey(image.resultKey), file);
  logger.info('error file written', { errorName: file.error });

  // A redrive or a newer upload may have ended between the look and the write. Whatever ends after this second look
  // finds the file and deletes it itself, so a result and an error file never stay side by side.
  const mootNow = await whyMoot(executionArn, image);
  if (mootNow === undefined) return;
  await deleteIfMatch(errorKey(image.resultKey), etag);
  logger.info(`error file withdrawn: ${mootNow}`);
});

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

/** Why there is nothing (any more) that an error file should say; undefined if it should. */
async function whyMoot(executionArn: string, { source, resultKey }: FailedImage): Promise<string | undefined> {
  const { status } = await describe(executionArn);
  if (status === 'RUNNING' || status === 'SUCCEEDED') return `the execution is ${status} (again)`;
  if ('imageUrl' in source) return undefined;
  const current = await headObject(s3, source.bucket, source.key);
  if (current !== undefined && isSuperseded(source, current)) return 'the source has been overwritten';
  // An execution that failed before it pinned a version was about the current one.
  const version = { ...source, versionId: source.versionId ?? current?.versionId, etag: source.etag ?? current?.etag };
  if (await hasResult(s3, resultsBucket, resultKey, version)) return 'this version has been delivered';
  return undefined;
}

function describe(executionArn: string): Promise<DescribeExecutionOutput> {
  return sfn.send(new DescribeExecutionCommand({ executionArn }));
}

async function write(key: string, file: ErrorFile): Promise<string | undefined> {
  const Body = `${JSON.stringify(file, null, 2)}\n`;
  const put = new PutObjectCommand({ Bucket: resultsBucket, Key: key, Body, ContentType: 'application/json' });
  return (await s3.send(put)).ETag;
}

/** Deletes the file unless it has been replaced or deleted meanwhile. */
async function deleteIfMatch(key: string, etag: string | undefined): Promise<void> {
  try {
    await s3.send(new DeleteObjectCommand({ Bucket: resultsBucket, Key: key, IfMatch: etag }));
  } catch (error) {
    if (![404, 409, 412].includes(httpStatus(error) ?? 0)) throw error;
  }
}
