import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import * as v from 'valibot';
import { CallbackTable, callbackUrl, submissionId } from './callbacks/table.ts';
import type { Source } from './contract.ts';
import { CutoutError, isError } from './errors.ts';
import { Gateway } from './gateway/client.ts';
import { limitsFromEnv } from './images/check.ts';
import { type Look, lookAt } from './images/source.ts';
import { bucketsFromEnv, firstSubmission, resultKeyOf, type Submittable } from './input.ts';
import { isJobOf, type Job, parse, parseJob, publicSource } from './job.ts';
import { withKmsKey } from './results/encryption.ts';
import { bytesOf } from './results/metadata.ts';
import { headObject, type ObjectState } from './results/objects.ts';
import { allResults, settlesInSeconds, standingResult } from './results/standing.ts';
import { apiKey } from './runtime/api-key.ts';
import { env } from './runtime/env.ts';
import { handlerOf, logger } from './runtime/handler.ts';
import { count, publishMetrics } from './runtime/metrics.ts';
import { guardsFromEnv } from './spending/guards.ts';

const s3 = withKmsKey(new S3Client({}), process.env.RESULTS_KMS_KEY);
const gateway = new Gateway({ url: env('GATEWAY_URL'), apiKey });
const buckets = bucketsFromEnv();
const { resultsBucket } = buckets;
const limits = limitsFromEnv();
/** In webhook mode: where callbacks are noted, and where they come in. */
const callbacks = callbacksFromEnv();
const guards = guardsFromEnv(s3);
/** Delay before the first poll. Wait takes whole seconds from 1. */
const firstWaitSeconds = Math.max(1, Number(env('EXPECTED_SECONDS')));
/** Long enough for the longest queueing the settings allow; a URL dies with the role's session, 12 h at most. */
const urlSeconds = Math.min(12 * 3600, Number(env('TIMEOUT_MINUTES')) * 60 + 3600);

const Event = v.object({ execution: v.string(), state: v.unknown() });

/**
 * The first state: looks at the image, presigns its URL and submits it to the gateway. Runs once more in the same
 * execution after the gateway said ERROR.
 */
export const handler = handlerOf(async (event: unknown): Promise<Job> => {
  const { execution, state } = parse(Event, event, 'The event');
  logger.appendKeys({ execution });
  const earlier = isJobOf(execution, state) ? parseJob(state) : undefined;
  const next = earlier ? again(earlier) : firstSubmission(state, buckets);
  // Nothing was submitted at the first.
  const isSecondLook = earlier?.requestId === null;
  logger.appendKeys({ source: publicSource(next.source), submission: next.submission });

  const submittedAt = new Date().toISOString();
  const submission = submissionId(execution, next.submission);
  const job = { ...next, execution, submissionId: submission, requestId: null, submittedAt, waitSeconds: 1 };
  const asked =
    'bucket' in next.source ? headObject(s3, next.source.bucket, next.source.key, { checksum: true }) : undefined;
  asked?.catch(() => 'Seen where it is awaited: what the look finds wrong has a name and comes first.');
  const image = await lookAt(s3, next.source, env('GATEWAY_URL'), limits);
  const upload = await asked;
  if (image === 'SUPERSEDED') {
    logger.info('not submitted: the source has been overwritten');
    count('Superseded');
    await callbacks?.table.close(submission);
    return { ...job, status: 'SUPERSEDED' };
  }
  const pinned = {
    ...job,
    source: image.source,
    uploadedAt: image.uploadedAt?.toISOString(),
    sourceOrientation: image.orientation,
    sourceMetadata: image.metadata && Object.entries(image.metadata),
    ...bytesIn(image, upload),
  };
  const standing = await standingFor(pinned, isSecondLook);
  if (standing !== undefined) {
    await callbacks?.table.close(submission);
    return standing;
  }
  const requestId = await submitOnce(await urlOf(image.source), execution, submission);
  logger.info('submitted', { requestId, contentType: image.contentType, bytes: image.size });
  return {
    ...pinned,
    requestId,
    submittedAt: new Date().toISOString(),
    status: 'QUEUED',
    waitSeconds: firstWaitSeconds,
  };
});

/** Size and checksum of the upload that was looked at; nothing if another one has come in between. */
function bytesIn({ source, size }: Look, upload: ObjectState | undefined): Pick<Job, 'sourceSize' | 'sourceChecksum'> {
  const isSame = 'bucket' in source && upload?.etag === source.etag && upload?.versionId === source.versionId;
  return isSame ? { sourceSize: size, sourceChecksum: upload?.checksum } : {};
}

/** How a job goes on whose result stands already, made from the same bytes: they are not paid for twice. */
async function standingFor(job: Omit<Job, 'status'>, isSecondLook: boolean): Promise<Job | undefined> {
  const { source, uploadedAt } = job;
  if ('imageUrl' in source) return undefined;
  const place = { bucket: resultsBucket, resultKey: resultKeyOf(job, buckets) };
  const first = await standingResult(s3, place, bytesOf(source, job));
  if (first === undefined) return undefined;
  const requestId = first.metadata['request-id'] ?? null;
  if (settlesInSeconds(uploadedAt) > 1 && !isSecondLook) {
    logger.info('a result of the same bytes stands: looking once more when no other delivery can replace it');
    return { ...job, status: 'STANDING' };
  }
  logger.info('not submitted: a result of the same bytes stands', { requestId });
  return { ...job, requestId, status: 'COMPLETED', standing: await allResults(s3, resultsBucket, first) };
}

/** The next submission after the gateway said ERROR; the same one if nothing was submitted yet. */
function again({ source, givenKey, submission: last, requestId }: Job): Submittable {
  const submission = requestId === null ? last : last + 1;
  // An input that merely looks like a job gets no further than any other input.
  if ('bucket' in source) return { ...firstSubmission(source, buckets), submission };
  return { source, givenKey, submission };
}

async function urlOf(source: Source): Promise<string> {
  if ('imageUrl' in source) return source.imageUrl;
  const { bucket: Bucket, key: Key, versionId: VersionId } = source;
  return getSignedUrl(s3, new GetObjectCommand({ Bucket, Key, VersionId }), { expiresIn: urlSeconds });
}

/** Submits, unless a callback has revealed that an earlier attempt, whose answer was lost, had been accepted. */
async function submitOnce(imageUrl: string, execution: string, id: string): Promise<string> {
  if (callbacks === undefined) return guards.around(execution, () => submit(imageUrl));
  const record = await callbacks.table.open(id);
  if (record.requestId !== undefined && (await isKnown(record.requestId))) {
    logger.info('an earlier attempt had been accepted, as its callback says', { requestId: record.requestId });
    return record.requestId;
  }
  const webhookUrl = callbackUrl(callbacks.url, id, record.capability);
  return guards.around(execution, () => submit(imageUrl, webhookUrl));
}

/** Whether the gateway knows the request that a callback named. @throws GatewayUnreachable if it does not say. */
async function isKnown(requestId: string): Promise<boolean> {
  try {
    await gateway.status(requestId);
    return true;
  } catch (error) {
    if (isError(error, 'NotFound')) return false;
    // Nothing has been sent that costs: to be tried again as often as a refused connection.
    if (!isError(error, 'OutcomeUnknown')) throw error;
    throw new CutoutError('GatewayUnreachable', `The gateway does not say whether it knows request ${requestId}`, {
      cause: error,
    });
  }
}

async function submit(imageUrl: string, webhookUrl?: string): Promise<string> {
  // Written before anything is sent: after a crash, what was sent and never answered shows as the difference.
  logger.info('submitting');
  count('Sent');
  publishMetrics();
  try {
    const { requestId } = await gateway.submit(imageUrl, { webhookUrl });
    count('Submissions');
    return requestId;
  } catch (error) {
    if (isError(error, 'OutcomeUnknown')) logger.warn('outcome unknown: the next submission may pay a second time');
    else count('Refused');
    throw error;
  }
}

function callbacksFromEnv(): { table: CallbackTable; url: string } | undefined {
  if (process.env.CALLBACK_TABLE === undefined) return undefined;
  return { table: new CallbackTable(new DynamoDBClient({}), env('CALLBACK_TABLE')), url: env('CALLBACK_URL') };
}
