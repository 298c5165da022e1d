import { Readable } from 'node:stream';
import { DeleteObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { type Job, type ObjectSource, publicSource } from './job.ts';
import type { Medium } from './media.ts';
import { errorKey, sha256 } from './names.ts';
import { headObject, httpStatus, isSuperseded, type ObjectState } from './objects.ts';

/** Size of one part of a multipart upload, in bytes; with {@link PARALLEL_PARTS}, it bounds the memory a delivery takes. */
const PART_BYTES = 8 * 1024 * 1024;
/** Parts that are uploaded at once. */
const PARALLEL_PARTS = 4;

/** A stored result, as the execution's output names it. */
export interface StoredResult {
  bucket: string;
  key: string;
  versionId?: string | undefined;
  contentType: string;
  bytes: number;
}

/**
 * Streams a medium into the results bucket, provided that the object there still is what it was before: somebody else's
 * newer result is never overwritten.
 *
 * @param before The object under `key` when the decision to write was made; undefined if there was none.
 * @returns CHANGED, and nothing is written, if the object has changed since.
 */
export async function store(
  s3: S3Client,
  target: { bucket: string; key: string; before: ObjectState | undefined; metadata: Record<string, string> },
  medium: Medium,
): Promise<StoredResult | 'CHANGED'> {
  const { bucket, key, before, metadata } = target;
  let bytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of medium.bytes) {
      bytes += chunk.byteLength;
      yield chunk;
    }
  }
  const upload = new Upload({
    client: s3,
    partSize: PART_BYTES,
    queueSize: PARALLEL_PARTS,
    params: {
      Bucket: bucket,
      Key: key,
      Body: Readable.from(counted(), { objectMode: false }),
      ContentType: medium.contentType,
      Metadata: metadata,
      ...(before === undefined ? { IfNoneMatch: '*' } : { IfMatch: before.etag }),
    },
  });
  try {
    const { VersionId } = await upload.done();
    return { bucket, key, ...(VersionId && { versionId: VersionId }), contentType: medium.contentType, bytes };
  } catch (error) {
    // 412: the object has changed; 409: it is changing right now; 404: what If-Match meant has been deleted.
    if ([404, 409, 412].includes(httpStatus(error) ?? 0)) return 'CHANGED';
    throw error;
  }
}

/** Where a result came from, in ASCII and well under the 2 KB that S3 allows. */
export function resultMetadata({ source, requestId }: Job): Record<string, string> {
  const id: Record<string, string> = requestId === undefined ? {} : { 'request-id': requestId };
  if ('imageUrl' in source) {
    const { imageUrl } = publicSource(source) as { imageUrl: string };
    return { ...id, 'source-url-sha256': sha256(imageUrl) };
  }
  return {
    ...id,
    ...(source.versionId !== undefined && { 'source-version-id': source.versionId }),
    ...(source.etag !== undefined && { 'source-etag': source.etag }),
    'source-key-sha256': sha256(source.key),
  };
}

/**
 * Deletes the error file of an earlier failure, if there is one: deleting what is not there would leave a delete
 * marker in a bucket with versioning.
 */
export async function deleteErrorFile(s3: S3Client, bucket: string, resultKey: string): Promise<void> {
  const key = errorKey(resultKey);
  if ((await headObject(s3, bucket, key)) === undefined) return;
  await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
}

/** Whether the result of exactly this version of the source is stored. */
export async function hasResult(
  s3: S3Client,
  bucket: string,
  resultKey: string,
  source: ObjectSource,
): Promise<boolean> {
  // Results of other keys that merely begin alike have a further dot: the delimiter folds them away.
  const query = { Bucket: bucket, Prefix: `${resultKey}.`, Delimiter: '.' };
  for await (const { Contents } of paginateListObjectsV2({ client: s3 }, query)) {
    for (const { Key } of Contents ?? []) {
      const metadata = Key === undefined ? undefined : (await headObject(s3, bucket, Key))?.metadata;
      if (metadata?.['source-key-sha256'] !== sha256(source.key)) continue;
      const { 'source-etag': etag, 'source-version-id': versionId } = metadata;
      if (!isSuperseded(source, { etag: etag ?? '', versionId })) return true;
    }
  }
  return false;
}
