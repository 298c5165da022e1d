import type { ObjectSource, UrlSource } from '../contract.ts';
import { type Job, publicSource } from '../job.ts';
import { sha256 } from './keys.ts';
import type { ObjectState } from './objects.ts';
import { type Metadata, passOn } from './pass-through.ts';

/** An object in the uploads bucket, and what its bytes are known by. */
export interface SourceBytes extends ObjectSource {
  /** In bytes. */
  size?: number | undefined;
  /** Full-object checksum with the name of its algorithm; absent where S3 has none that tells bytes apart. */
  checksum?: string | undefined;
}

/** A result's metadata: where it came from, and its upload's own, all within the 2 KB that S3 allows. */
export function resultMetadata(job: Job): Metadata {
  return passOn(ownMetadata(job), job.sourceMetadata ?? []).metadata;
}

/** Names of the upload's own metadata that its result does not carry: for the log, which values must not reach. */
export function metadataLeftOut(job: Job): string[] {
  return passOn(ownMetadata(job), job.sourceMetadata ?? []).leftOut;
}

/**
 * Where a result came from: ASCII, and well under 2 KB. Every name that is ever set stands in here, also where it is not
 * set: what is decided by must not come from an upload.
 */
function ownMetadata(job: Job): Record<string, string | undefined> {
  const { source, requestId, uploadedAt, sourceSize, sourceChecksum, sourceOrientation } = job;
  const upload = 'imageUrl' in source ? undefined : source;
  return {
    'request-id': requestId ?? undefined,
    'source-url-sha256': 'imageUrl' in source ? urlHash(source) : undefined,
    'source-version-id': upload?.versionId,
    'source-etag': upload?.etag,
    'source-uploaded-at': uploadedAt,
    'source-size': sourceSize?.toString(),
    'source-checksum': sourceChecksum,
    'source-orientation': sourceOrientation?.toString(),
    'source-key-sha256': upload && sha256(upload.key),
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
