import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { StoredResult } from '../contract.ts';
import { hasChanged, ifUnchanged } from './conditional-writes.ts';
import type { Medium } from './medium.ts';
import type { ObjectState } from './objects.ts';

/** Size of one part of a multipart upload, in bytes; with {@link PARALLEL_PARTS}, it bounds the memory a delivery takes. */
const PART_BYTES = 8 * 1024 * 1024;
/** Parts that are uploaded at once. */
const PARALLEL_PARTS = 4;

/**
 * Has the client send bytes without their SHA-256, which the signature would otherwise cover and which takes longer than
 * all else that is done to them. Their CRC32 goes with them still, and https keeps them from being changed on the way.
 */
export function withUnsignedPayload(s3: S3Client): S3Client {
  s3.middlewareStack.add(
    (next) => async (args) => {
      const { headers, body } = args.request as { headers: Record<string, string>; body?: unknown };
      if (body instanceof Uint8Array) headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
      return next(args);
    },
    { name: 'unsignedPayload', step: 'build' },
  );
  return s3;
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
      // Named, so that no setting of the client leaves it out.
      ChecksumAlgorithm: 'CRC32',
      ...ifUnchanged(before),
    },
  });
  try {
    const { VersionId } = await upload.done();
    return { bucket, key, ...(VersionId && { versionId: VersionId }), contentType: medium.contentType, bytes };
  } catch (error) {
    if (hasChanged(error)) return 'CHANGED';
    throw error;
  }
}
