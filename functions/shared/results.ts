import { Readable } from 'node:stream';
import { DeleteObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { Medium } from './media.ts';
import { errorKey } from './names.ts';
import { headObject, httpStatus, type ObjectState } from './objects.ts';

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
      ...(before === undefined ? { IfNoneMatch: '*' } : { IfMatch: `"${before.etag}"` }),
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

/**
 * Deletes the error file of an earlier failure, if there is one: deleting what is not there would leave a delete
 * marker in a bucket with versioning.
 */
export async function deleteErrorFile(s3: S3Client, bucket: string, resultKey: string): Promise<void> {
  const key = errorKey(resultKey);
  if ((await headObject(s3, bucket, key)) === undefined) return;
  await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
}
