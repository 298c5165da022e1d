import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import * as v from 'valibot';
import { apiKey } from './shared/api-key.ts';
import { env } from './shared/environment.ts';
import { Gateway } from './shared/gateway.ts';
import { OutcomeUnknown } from './shared/gateway-errors.ts';
import { handlerOf, logger } from './shared/handler.ts';
import { bucketsFromEnv, firstSubmission, type Submittable } from './shared/input.ts';
import { isJobOf, type Job, parse, parseJob, publicSource, type Source } from './shared/job.ts';
import { count, publishMetrics } from './shared/metrics.ts';
import { lookAt } from './shared/sources.ts';

const s3 = new S3Client({});
const gateway = new Gateway({ url: env('GATEWAY_URL'), apiKey });
const buckets = bucketsFromEnv();
const expectedSeconds = Number(env('EXPECTED_SECONDS'));
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
  const next = isJobOf(execution, state) ? again(parseJob(state)) : firstSubmission(state, buckets);
  logger.appendKeys({ source: publicSource(next.source), submission: next.submission });

  const image = await lookAt(s3, next.source, env('GATEWAY_URL'));
  const submittedAt = new Date().toISOString();
  if (image === 'SUPERSEDED') {
    logger.info('not submitted: the source has been overwritten');
    return { ...next, execution, submittedAt, status: 'SUPERSEDED', waitSeconds: 0 };
  }
  const { requestId } = await submit(await urlOf(image.source));
  logger.info('submitted', { requestId, contentType: image.contentType, bytes: image.size });
  return {
    ...next,
    execution,
    source: image.source,
    requestId,
    submittedAt: new Date().toISOString(),
    uploadedAt: image.uploadedAt?.toISOString(),
    status: 'QUEUED',
    waitSeconds: expectedSeconds,
  };
});

/** The next submission after the gateway said ERROR. */
function again({ source, resultKey, submission }: Job): Submittable {
  // An input that merely looks like a job gets no further than any other input.
  if ('bucket' in source) return { ...firstSubmission(source, buckets), submission: submission + 1 };
  return { source, resultKey, submission: submission + 1 };
}

async function urlOf(source: Source): Promise<string> {
  if ('imageUrl' in source) return source.imageUrl;
  const { bucket: Bucket, key: Key, versionId: VersionId } = source;
  return getSignedUrl(s3, new GetObjectCommand({ Bucket, Key, VersionId }), { expiresIn: urlSeconds });
}

async function submit(imageUrl: string): ReturnType<Gateway['submit']> {
  // Written before anything is sent: after a crash, what was sent and never answered shows as the difference.
  logger.info('submitting');
  count('Sent');
  publishMetrics();
  try {
    const submission = await gateway.submit(imageUrl);
    count('Submissions');
    return submission;
  } catch (error) {
    if (error instanceof OutcomeUnknown) logger.warn('outcome unknown: the next submission may pay a second time');
    else count('Refused');
    throw error;
  }
}
