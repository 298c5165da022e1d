import { paginateListObjectsV2, type S3Client, type _Object as StoredObject } from '@aws-sdk/client-s3';
import type { ObjectSource, UrlSource } from '../contract.ts';
import { type Job, publicSource } from '../job.ts';
import type { Settled } from './error-file.ts';
import { sha256 } from './keys.ts';
import { headObject, isSuperseded, type ObjectState } from './objects.ts';

/** Where a result came from, as object metadata: ASCII, and well under the 2 KB that S3 allows. */
export function resultMetadata({ source, requestId, uploadedAt }: Job): Record<string, string> {
  const id: Record<string, string> = requestId === null ? {} : { 'request-id': requestId };
  if ('imageUrl' in source) return { ...id, 'source-url-sha256': hashOf(source) };
  return {
    ...id,
    ...(source.versionId !== undefined && { 'source-version-id': source.versionId }),
    ...(source.etag !== undefined && { 'source-etag': source.etag }),
    ...(uploadedAt !== undefined && { 'source-uploaded-at': uploadedAt }),
    'source-key-sha256': sha256(source.key),
  };
}

/** Whether a result is of this very version of the source. */
export function isResultOf(source: ObjectSource, { metadata }: ObjectState): boolean {
  if (metadata['source-key-sha256'] !== sha256(source.key)) return false;
  const { 'source-etag': etag = '', 'source-version-id': versionId } = metadata;
  return !isSuperseded(source, { etag, versionId });
}

/** Whether a result is of a newer upload than the job's. Matters where the source is gone and cannot tell any more. */
export function isOfNewerUpload(job: Job, result: ObjectState): boolean {
  const uploadedAt = result.metadata['source-uploaded-at'];
  if ('imageUrl' in job.source || uploadedAt === undefined || job.uploadedAt === undefined) return false;
  return !isResultOf(job.source, result) && uploadedAt >= job.uploadedAt;
}

/**
 * Why the failure of an execution is of no interest any more; undefined if it is.
 *
 * @param image Its source, as far as it was pinned to a version, and when it failed.
 */
export async function whySettled(
  s3: S3Client,
  resultsBucket: string,
  { source, resultKey, failedAt }: Pick<Job, 'source' | 'resultKey'> & { failedAt: Date },
): Promise<Settled | undefined> {
  if ('imageUrl' in source) {
    const isLater = ({ metadata, lastModified }: ObjectState) =>
      metadata['source-url-sha256'] === hashOf(source) && lastModified > failedAt;
    const isDelivered = await someResult(s3, resultsBucket, resultKey, isLater);
    return isDelivered ? settled('this image has been delivered since') : undefined;
  }
  const current = await headObject(s3, source.bucket, source.key);
  if (current !== undefined && isSuperseded(source, current)) return settled('the source has been overwritten');
  // An execution that failed before it pinned a version was about the current one.
  const { versionId = current?.versionId, etag = current?.etag } = source;
  const isDelivered = await hasResult(s3, resultsBucket, resultKey, { ...source, versionId, etag });
  return isDelivered ? settled('this version has been delivered', true) : undefined;
}

function settled(reason: string, isDelivered = false): Settled {
  return { reason, isDelivered };
}

/** Whether the result of exactly this version of the source is stored. */
export function hasResult(s3: S3Client, bucket: string, resultKey: string, source: ObjectSource): Promise<boolean> {
  return someResult(s3, bucket, resultKey, (result) => isResultOf(source, result));
}

/** Whether a result has been stored under a key, whatever its extension, since the time. */
export async function hasResultSince(s3: S3Client, bucket: string, resultKey: string, time: Date): Promise<boolean> {
  for await (const { LastModified } of listResults(s3, bucket, resultKey)) {
    if (LastModified !== undefined && LastModified > time) return true;
  }
  return false;
}

/** Whether one of the results under a key, whatever its extension, is as asked for. */
async function someResult(
  s3: S3Client,
  bucket: string,
  resultKey: string,
  is: (result: ObjectState) => boolean,
): Promise<boolean> {
  for await (const { Key = '' } of listResults(s3, bucket, resultKey)) {
    const result = await headObject(s3, bucket, Key);
    if (result !== undefined && is(result)) return true;
  }
  return false;
}

async function* listResults(s3: S3Client, bucket: string, resultKey: string): AsyncGenerator<StoredObject> {
  // Results of other keys that merely begin alike have a further dot: the delimiter folds them away.
  const query = { Bucket: bucket, Prefix: `${resultKey}.`, Delimiter: '.' };
  for await (const { Contents } of paginateListObjectsV2({ client: s3 }, query)) yield* Contents ?? [];
}

function hashOf(source: UrlSource): string {
  const { imageUrl } = publicSource(source) as UrlSource;
  return sha256(imageUrl);
}
