import {
  GetObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import type { ObjectSource } from '../contract.ts';

/** What identifies the bytes of an object at a moment. */
export interface ObjectState {
  /** Without the quotes that S3 puts around it in headers. */
  etag: string;
  /** Absent in a bucket without versioning. */
  versionId: string | undefined;
  metadata: Record<string, string>;
  lastModified: Date;
  contentType: string;
  size: number;
  /** Checksum of the whole object with the name of its algorithm, if it was asked for and S3 has one. */
  checksum: string | undefined;
  /** Whether the bytes lie in an archive, from which they would have to be restored before they can be read. */
  isArchived: boolean;
}

/**
 * The current state of an object; undefined if there is none. Needs s3:ListBucket, or S3 says 403 instead of 404.
 *
 * @param options `checksum` asks for it too, which takes kms:Decrypt where the object is encrypted with a KMS key.
 */
export async function headObject(
  s3: S3Client,
  bucket: string,
  key: string,
  { checksum = false }: { checksum?: boolean } = {},
): Promise<ObjectState | undefined> {
  const mode = checksum ? ({ ChecksumMode: 'ENABLED' } as const) : {};
  try {
    return stateOf(await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key, ...mode })));
  } catch (error) {
    if (httpStatus(error) === 404) return undefined;
    throw error;
  }
}

/** Whether the object has been overwritten since it became `source`. A deleted object has not been overwritten. */
export function isSuperseded(
  source: Pick<ObjectSource, 'etag' | 'versionId'>,
  current: Pick<ObjectState, 'etag' | 'versionId'>,
): boolean {
  // An object from before versioning, or from while it was suspended, has the version "null".
  const otherVersion = source.versionId !== undefined && source.versionId !== (current.versionId ?? 'null');
  const otherBytes = source.etag !== undefined && source.etag !== current.etag;
  return otherVersion || otherBytes;
}

/** The first bytes of an object; what else is known comes from the same answer. */
export interface ObjectHead extends ObjectState {
  bytes: Uint8Array;
}

/** Reads the first `length` bytes of an object, or of one version of it; undefined if it does not exist. */
export async function readHead(
  s3: S3Client,
  { bucket, key, versionId }: ObjectSource,
  length: number,
): Promise<ObjectHead | undefined> {
  const object = { Bucket: bucket, Key: key, VersionId: versionId };
  try {
    const head = await s3.send(new GetObjectCommand({ ...object, Range: `bytes=0-${length - 1}` }));
    const bytes = (await head.Body?.transformToByteArray()) ?? new Uint8Array();
    const size = Number(head.ContentRange?.split('/')[1] ?? head.ContentLength ?? bytes.length);
    return { ...stateOf(head), bytes, size };
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (httpStatus(error) !== 416) throw error;
    // No range of an empty object can be satisfied.
    return { ...stateOf(await s3.send(new HeadObjectCommand(object))), bytes: new Uint8Array(), size: 0 };
  }
}

function stateOf(head: HeadObjectCommandOutput): ObjectState {
  const {
    ETag,
    VersionId,
    Metadata,
    LastModified,
    ContentLength,
    ContentType,
    StorageClass = '',
    ArchiveStatus,
    Restore,
  } = head;
  const isInArchive = ['GLACIER', 'DEEP_ARCHIVE'].includes(StorageClass) || ArchiveStatus !== undefined;
  return {
    etag: unquoted(ETag),
    versionId: VersionId,
    metadata: Metadata ?? {},
    lastModified: LastModified ?? new Date(0),
    contentType: ContentType ?? '',
    size: ContentLength ?? 0,
    checksum: checksumOf(head),
    isArchived: isInArchive && !Restore?.includes('ongoing-request="false"'),
  };
}

/** Of the whole object, not of its parts; and none of 32 bits, which different images may share. */
function checksumOf(head: HeadObjectCommandOutput): string | undefined {
  const { ChecksumCRC64NVME: crc64nvme, ChecksumSHA256: sha256, ChecksumSHA1: sha1, ChecksumType } = head;
  const [algorithm, value] = Object.entries({ crc64nvme, sha256, sha1 }).find(([, each]) => each !== undefined) ?? [];
  // The checksum of parts ends in their number.
  const isComposite = ChecksumType === 'COMPOSITE' || value?.includes('-');
  return value === undefined || isComposite ? undefined : `${algorithm}:${value}`;
}

/** The HTTP status of S3's refusal; undefined for any other error. A HEAD has no body, hence no error code to go by. */
export function httpStatus(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

/** Whether S3 refused because there is no such object, or because the version is none that could be read. */
function isMissing(error: unknown): boolean {
  const isDeleteMarker = httpStatus(error) === 405;
  const isNoVersionId = error instanceof S3ServiceException && error.name === 'InvalidArgument';
  return httpStatus(error) === 404 || isDeleteMarker || isNoVersionId;
}

/** An ETag without the quotes that S3 puts around it in headers. */
export function unquoted(etag = ''): string {
  return etag.replaceAll('"', '');
}
