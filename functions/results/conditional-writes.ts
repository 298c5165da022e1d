import { DeleteObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { httpStatus, type ObjectState, unquoted } from './objects.ts';

/** Writes a small object provided that it still is what it was before. @returns the new ETag, or CHANGED */
export async function putIfUnchanged(
  s3: S3Client,
  target: { bucket: string; key: string; before: ObjectState | undefined; metadata: Record<string, string> },
  content: { body: string; contentType: string },
): Promise<string | 'CHANGED'> {
  const { bucket: Bucket, key: Key, before, metadata: Metadata } = target;
  const { body: Body, contentType: ContentType } = content;
  try {
    const put = new PutObjectCommand({ Bucket, Key, Body, ContentType, Metadata, ...ifUnchanged(before) });
    return unquoted((await s3.send(put)).ETag);
  } catch (error) {
    if (hasChanged(error)) return 'CHANGED';
    throw error;
  }
}

/** Deletes an object unless it has been replaced or deleted since it had this ETag. */
export async function deleteIfUnchanged(
  s3: S3Client,
  { bucket, key, etag }: { bucket: string; key: string; etag: string },
): Promise<void> {
  try {
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, IfMatch: `"${etag}"` }));
  } catch (error) {
    if (!hasChanged(error)) throw error;
  }
}

/** The condition under which an object may be written. */
export function ifUnchanged(before: ObjectState | undefined): { IfNoneMatch: string } | { IfMatch: string } {
  return before === undefined ? { IfNoneMatch: '*' } : { IfMatch: `"${before.etag}"` };
}

/** 412: the object has changed; 409: it is changing right now; 404: what If-Match meant has been deleted. */
export function hasChanged(error: unknown): boolean {
  const isNoBucket = error instanceof Error && error.name === 'NoSuchBucket';
  return [404, 409, 412].includes(httpStatus(error) ?? 0) && !isNoBucket;
}
