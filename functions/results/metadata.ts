import type { ObjectSource, UrlSource } from '../contract.ts';
import { type Job, publicSource } from '../job.ts';
import { sha256 } from './keys.ts';
import type { ObjectState } from './objects.ts';

/** An object in the uploads bucket, and what its bytes are known by. */
export interface SourceBytes extends ObjectSource {
  /** In bytes. */
  size?: number | undefined;
  /** Full-object checksum with the name of its algorithm; absent where S3 has none that tells bytes apart. */
  checksum?: string | undefined;
}

/** Where a result came from, as object metadata: ASCII, and well under the 2 KB that S3 allows. */
export function resultMetadata({
  source,
  requestId,
  uploadedAt,
  sourceSize,
  sourceChecksum,
}: Job): Record<string, string> {
  const id: Record<string, string> = requestId === null ? {} : { 'request-id': requestId };
  if ('imageUrl' in source) return { ...id, 'source-url-sha256': urlHash(source) };
  return {
    ...id,
    ...(source.versionId !== undefined && { 'source-version-id': source.versionId }),
    ...(source.etag !== undefined && { 'source-etag': source.etag }),
    ...(uploadedAt !== undefined && { 'source-uploaded-at': uploadedAt }),
    ...(sourceSize !== undefined && { 'source-size': String(sourceSize) }),
    ...(sourceChecksum !== undefined && { 'source-checksum': sourceChecksum }),
    'source-key-sha256': sha256(source.key),
  };
}

/**
 * Whether a result was made from the same bytes as the source: their size and checksum agree, or their ETag. A source of
 * which neither is known is told by its version.
 */
export function isResultOf(source: SourceBytes, { metadata }: Pick<ObjectState, 'metadata'>): boolean {
  if (metadata['source-key-sha256'] !== sha256(source.key)) return false;
  const { 'source-size': size, 'source-checksum': checksum } = metadata;
  if (checksum !== undefined && checksum === source.checksum && size === String(source.size)) return true;
  if (source.etag !== undefined) return source.etag === metadata['source-etag'];
  return source.versionId === undefined || source.versionId === metadata['source-version-id'];
}

/** Whether a result is of a newer upload than the job's. Matters where the source is gone and cannot tell any more. */
export function isOfNewerUpload(job: Job, result: Pick<ObjectState, 'metadata'>): boolean {
  const [own, others] = uploadTimes(job, result);
  return own !== undefined && others !== undefined && others >= own && !isOfSameBytes(job, result);
}

/** Whether a result was made from the job's own bytes, which were uploaded again later. */
export function isOfRepeatedUpload(job: Job, result: Pick<ObjectState, 'metadata'>): boolean {
  const [own, others] = uploadTimes(job, result);
  return own !== undefined && others !== undefined && others > own && isOfSameBytes(job, result);
}

/** A job's source with what its bytes are known by. */
export function bytesOf(source: ObjectSource, { sourceSize, sourceChecksum }: Partial<Job>): SourceBytes {
  return { ...source, size: sourceSize, checksum: sourceChecksum };
}

/** What the results of an image URL are known by: the URL without its query, which may be a signature. */
export function urlHash(source: UrlSource): string {
  const { imageUrl } = publicSource(source) as UrlSource;
  return sha256(imageUrl);
}

function uploadTimes(job: Job, { metadata }: Pick<ObjectState, 'metadata'>): [own?: string, others?: string] {
  return [job.uploadedAt, metadata['source-uploaded-at']];
}

function isOfSameBytes(job: Job, result: Pick<ObjectState, 'metadata'>): boolean {
  return !('imageUrl' in job.source) && isResultOf(bytesOf(job.source, job), result);
}
