import { S3Client } from '@aws-sdk/client-s3';
import type { ExecutionOutput, StoredResult } from './contract.ts';
import { CutoutError } from './errors.ts';
import { Gateway } from './gateway/client.ts';
import { bucketsFromEnv, isUpload, resultKeyOf } from './input.ts';
import { type Job, parseJob, publicSource } from './job.ts';
import { withKmsKey } from './results/encryption.ts';
import { deleteErrorFile } from './results/error-file.ts';
import { mediumKey } from './results/keys.ts';
import { openMedium } from './results/medium.ts';
import { isOfNewerUpload, isOfRepeatedUpload, metadataLeftOut, resultMetadata } from './results/metadata.ts';
import { headObject, isSuperseded, type ObjectState } from './results/objects.ts';
import { withRenewal } from './results/renewal.ts';
import { storedResult } from './results/standing.ts';
import { store, withUnsignedPayload } from './results/store.ts';
import { apiKey } from './runtime/api-key.ts';
import { env } from './runtime/env.ts';
import { handlerOf, logger } from './runtime/handler.ts';
import { count, timeToCutout } from './runtime/metrics.ts';

const s3 = withKmsKey(withUnsignedPayload(new S3Client({})), process.env.RESULTS_KMS_KEY);
const gateway = new Gateway({ url: env('GATEWAY_URL'), apiKey });
const bucket = env('RESULTS_BUCKET');
const buckets = bucketsFromEnv();
const hosts = env('RESULT_HOSTS').split(',');
/** How often a result is written anew because the object under its key changed meanwhile. */
const MAX_ATTEMPTS = 5;

/** The final state: streams every result from the CDN into the results bucket, unless a newer upload has come since. */
export const handler = handlerOf(async (event: unknown): Promise<ExecutionOutput> => {
  const job = parseJob(event);
  const source = publicSource(job.source);
  const { requestId } = job;
  logger.appendKeys({ execution: job.execution, source, requestId });

  const results = job.standing ?? (await withRenewal(gateway, job, (mediaUrls) => deliver(job, mediaUrls)));
  if (results === 'SUPERSEDED') {
    count('Superseded');
    logger.info('superseded: the source has been overwritten, nothing written');
    return { status: 'SUPERSEDED', requestId, source, results: [] };
  }
  await deleteErrorFile(s3, { bucket, resultKey: resultKeyOf(job, buckets) }, () => isSupersededNow(job, undefined));
  count('Delivered');
  if (job.uploadedAt !== undefined) timeToCutout(new Date(job.uploadedAt));
  logger.info('delivered', { results });
  const leftOut = job.standing === undefined ? metadataLeftOut(job) : [];
  if (leftOut.length > 0)
    logger.warn('left out of the result: metadata of the upload that S3 has no room for', { leftOut });
  return { status: 'DELIVERED', requestId, source, results };
});

async function deliver(job: Job, mediaUrls: string[]): Promise<StoredResult[] | 'SUPERSEDED'> {
  const [first, ...others] = mediaUrls;
  if (first === undefined) throw new CutoutError('InvalidResult', 'The gateway says COMPLETED and names no result');
  // The first medium is stored last: where it stands, all of them do.
  const further = others.length === 0 ? [] : await deliverFurther(job, first, others);
  if (further === 'SUPERSEDED') return further;
  const keyFor = (extension: string) => mediumKey(resultKeyOf(job, buckets), extension, 1, extension);
  const stored = await deliverMedium(job, first, 'first', keyFor);
  return stored === 'SUPERSEDED' ? stored : [stored, ...further];
}

async function deliverFurther(job: Job, first: string, urls: string[]): Promise<StoredResult[] | 'SUPERSEDED'> {
  const { extension: firstExtension, cancel } = await openMedium(first, hosts);
  await cancel();
  const results: StoredResult[] = [];
  for (const [index, url] of urls.entries()) {
    const keyFor = (own: string) => mediumKey(resultKeyOf(job, buckets), firstExtension, index + 2, own);
    const stored = await deliverMedium(job, url, 'further', keyFor);
    if (stored === 'SUPERSEDED') return stored;
    results.push(stored);
  }
  return results;
}

async function deliverMedium(
  job: Job,
  url: string,
  place: 'first' | 'further',
  keyFor: (extension: string) => string,
): Promise<StoredResult | 'SUPERSEDED'> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    // The model makes PNG: while the download begins, a look at where one would go.
    const likely = standing(job, keyFor('png'));
    likely.catch(() => 'Seen where it is awaited, unless the download fails before.');
    const medium = await openMedium(url, hosts, place);
    const key = keyFor(medium.extension);
    try {
      const before = await (medium.extension === 'png' ? likely : standing(job, key));
      if (before === 'SUPERSEDED') return before;
      // It stays, for it alone tells that these bytes came last, once their source has been deleted.
      if (before !== undefined && isOfRepeatedUpload(job, before)) return storedResult(bucket, { ...before, key });
      const stored = await store(s3, { bucket, key, before, metadata: resultMetadata(job) }, medium);
      if (stored !== 'CHANGED') return stored;
      logger.info('the result changed meanwhile, deciding again', { key, attempt });
    } finally {
      await medium.cancel();
    }
  }
  throw new CutoutError('InternalError', `The result kept changing while it was written ${MAX_ATTEMPTS} times`);
}

/** What stands under a result's key; SUPERSEDED if a newer upload has come since. */
async function standing(job: Job, key: string): Promise<ObjectState | undefined | 'SUPERSEDED'> {
  // In this order: a newer result that is stored after the first look changes the object, and then `store` refuses.
  const before = await headObject(s3, bucket, key);
  return (await isSupersededNow(job, before)) ? 'SUPERSEDED' : before;
}

/** Whether a newer upload has come. If the source has been deleted since, the result that stands there can still tell. */
async function isSupersededNow(job: Job, result: ObjectState | undefined): Promise<boolean> {
  if ('imageUrl' in job.source) return false;
  // What is no upload any more, because the settings have changed, may not be looked at: as if it had been deleted.
  const { source } = job;
  const current = isUpload(source, buckets) ? await headObject(s3, source.bucket, source.key) : undefined;
  // The same bytes uploaded again make the same result.
  if (current !== undefined) return isSuperseded(source, current) && current.etag !== source.etag;
  return result !== undefined && isOfNewerUpload(job, result);
}
