import { paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import type { ObjectSource, StoredResult } from '../contract.ts';
import { RESULT_EXTENSIONS } from '../gateway/model.ts';
import type { Job } from '../job.ts';
import type { Settled } from './error-file.ts';
import { furtherPrefix, mediumKey } from './keys.ts';
import { bytesOf, isResultOf, type SourceBytes, urlHash } from './metadata.ts';
import { headObject, isSuperseded, type ObjectState } from './objects.ts';

/** Where the results of a source stand. */
export interface Place {
  bucket: string;
  resultKey: string;
}

/** A first result that stands in the results bucket. */
export interface Standing extends ObjectState {
  key: string;
}

/**
 * How long after an upload a delivery of an earlier version can be under way that has not seen it, in seconds: Deliver's
 * time limit of 9 minutes, and one more. Until then, such a delivery can replace a result that stands.
 */
const SETTLED_SECONDS = 600;

/** How long it takes until what stands can be relied on, in whole seconds; at most 1 if it can be already. */
export function settlesInSeconds(uploadedAt = ''): number {
  const seconds = (Date.parse(uploadedAt) - Date.now()) / 1000 + SETTLED_SECONDS;
  return Math.max(1, Math.ceil(seconds) || 0);
}

/** The first result of exactly these bytes, if it stands. */
export function standingResult(s3: S3Client, place: Place, source: SourceBytes): Promise<Standing | undefined> {
  return firstResult(s3, place, (result) => isResultOf(source, result));
}

/** A standing result and those that stand beside it, as an execution's output names them. */
export async function allResults(s3: S3Client, bucket: string, first: Standing): Promise<StoredResult[]> {
  const results = [storedResult(bucket, first)];
  const query = { Bucket: bucket, Prefix: furtherPrefix(first.key) };
  for await (const { Contents = [] } of paginateListObjectsV2({ client: s3 }, query)) {
    for (const { Key: key = '' } of Contents) {
      const further = await headObject(s3, bucket, key);
      if (further !== undefined) results.push(storedResult(bucket, { ...further, key }));
    }
  }
  return results;
}

/**
 * Why the failure of an execution is of no interest any more; undefined if it is.
 *
 * @param image Its source, as far as it was pinned to a version, and when its execution began and failed.
 * @param canLook Whether a source may be looked at: what is no upload any more counts as deleted.
 */
export async function whySettled(
  s3: S3Client,
  place: Place,
  image: Pick<Job, 'source'> & Partial<Job> & { startedAt: Date; failedAt: Date },
  canLook: (source: ObjectSource) => boolean,
): Promise<Settled | undefined> {
  const { source, startedAt, failedAt } = image;
  if ('imageUrl' in source) {
    const isLater = ({ metadata, lastModified }: ObjectState) =>
      metadata['source-url-sha256'] === urlHash(source) && lastModified > failedAt;
    return (await firstResult(s3, place, isLater)) && settled('this image has been delivered since');
  }
  const current = canLook(source) ? await headObject(s3, source.bucket, source.key, { checksum: true }) : undefined;
  if (current !== undefined && isSuperseded(source, current)) return settled('the source has been overwritten');
  const bytes = current === undefined ? bytesOf(source, image) : bytesOfCurrent(source, current);
  if (await standingResult(s3, place, bytes)) return settled('this version has been delivered', true);
  if (current !== undefined) return undefined;
  // A source that has been deleted cannot tell that it had been overwritten; the result of a newer upload can.
  const isNewer = ({ metadata }: ObjectState) => new Date(metadata['source-uploaded-at'] ?? 0) > startedAt;
  return (await firstResult(s3, place, isNewer)) && settled('a newer upload has been delivered');
}

/** What the current version of an upload is known by. An execution that failed before it pinned a version was about it. */
export function bytesOfCurrent(
  { bucket, key }: ObjectSource,
  { versionId, etag, size, checksum }: ObjectState,
): SourceBytes {
  return { bucket, key, versionId, etag, size, checksum };
}

function settled(reason: string, isDelivered = false): Settled {
  return { reason, isDelivered };
}

async function firstResult(
  s3: S3Client,
  { bucket, resultKey }: Place,
  is: (result: ObjectState) => boolean,
): Promise<Standing | undefined> {
  for (const extension of RESULT_EXTENSIONS) {
    const key = mediumKey(resultKey, extension, 1, extension);
    const result = await headObject(s3, bucket, key);
    if (result !== undefined && is(result)) return { ...result, key };
  }
  return undefined;
}

/** A standing result as an execution's output names it. */
export function storedResult(bucket: string, { key, versionId, contentType, size }: Standing): StoredResult {
  return { bucket, key, ...(versionId !== undefined && { versionId }), contentType, bytes: size };
}
