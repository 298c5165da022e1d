import type { S3Client } from '@aws-sdk/client-s3';
import type { ObjectSource, Source, UrlSource } from '../contract.ts';
import { CutoutError } from '../errors.ts';
import { isSuperseded, type ObjectHead, readHead } from '../results/objects.ts';
import { withoutQuery } from '../runtime/redact.ts';
import { checkImage } from './check.ts';
import { checkImageUrl, guardedFetch } from './fetching.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';
import { SNIFF_BYTES } from './type.ts';

/** Time limit for looking at an image URL, in milliseconds. */
const LOOK_TIMEOUT_MS = 15_000;

/** An image that may be submitted. */
export interface Look {
  /** The source, pinned to the version that was looked at. */
  source: Source;
  contentType: string;
  /** In bytes; undefined if a web server does not say. */
  size: number | undefined;
  /** When the object was uploaded; undefined for an image URL. */
  uploadedAt?: Date | undefined;
}

/**
 * Looks at the first bytes of a source before anything is paid for it.
 *
 * @returns SUPERSEDED if the object has been overwritten since: its newer version has an execution of its own.
 * @throws ImageNotFound, ImageArchived, ImageUnreadable, NotAnImage, UnsupportedFormat, ImageTooLarge, InvalidInput,
 *   DownloadFailed
 */
export async function lookAt(
  s3: S3Client,
  source: Source,
  gatewayUrl: string,
  limits: Limits = DEFAULT_LIMITS,
): Promise<Look | 'SUPERSEDED'> {
  return 'imageUrl' in source ? lookAtUrl(source, gatewayUrl, limits) : lookAtObject(s3, source, limits);
}

async function lookAtObject(s3: S3Client, source: ObjectSource, limits: Limits): Promise<Look | 'SUPERSEDED'> {
  const { bucket, key, versionId, etag } = source;
  const where = `s3://${bucket}/${key}`;
  // Whoever GETs a URL resolves such segments first, so the signature would be for another key.
  if (key.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw new CutoutError(
      'InvalidInput',
      `${where} cannot be fetched by a URL because of a "." or ".." in its key; rename it`,
    );
  }
  let head = await readUpload(s3, { bucket, key }, SNIFF_BYTES);
  if (head !== undefined && isSuperseded(source, head)) return 'SUPERSEDED';
  // Deleted, but in a bucket with versioning what was uploaded is still there.
  if (head === undefined && versionId !== undefined) head = await readUpload(s3, source, SNIFF_BYTES);
  if (head === undefined) throw new CutoutError('ImageNotFound', `There is no object ${where} (any more)`);
  const pinned = { bucket, key, versionId: head.versionId ?? versionId, etag: etag ?? head.etag };
  const read = async (length: number) => (await readUpload(s3, pinned, length))?.bytes ?? new Uint8Array();
  const contentType = await checkImage({ where, head: head.bytes, size: head.size, read }, limits);
  return { source: pinned, contentType, size: head.size, uploadedAt: head.lastModified };
}

/** The first bytes of an upload, or of one version of it. @throws ImageArchived, ImageUnreadable */
async function readUpload(s3: S3Client, source: ObjectSource, length: number): Promise<ObjectHead | undefined> {
  try {
    return await readHead(s3, source, length);
  } catch (error) {
    const name = error instanceof Error ? error.name : '';
    const where = `s3://${source.bucket}/${source.key}`;
    if (name === 'InvalidObjectState') throw new CutoutError('ImageArchived', `${where} is archived`, { cause: error });
    // InvalidRequest: S3 asks for the customer's key.
    if (/^(KMS\.|InvalidRequest$)/.test(name)) {
      throw new CutoutError('ImageUnreadable', `S3 cannot decrypt ${where} (${name})`, { cause: error });
    }
    throw error;
  }
}

async function lookAtUrl(source: UrlSource, gatewayUrl: string, limits: Limits): Promise<Look> {
  const { bytes, size } = await fetchFirst(source, gatewayUrl, SNIFF_BYTES);
  const read = async (length: number) => (await fetchFirst(source, gatewayUrl, length)).bytes;
  const where = withoutQuery(source.imageUrl);
  return { source, contentType: await checkImage({ where, head: bytes, size, read }, limits), size };
}

/** The first bytes behind an image URL, and how many there are in all, if the server says. */
async function fetchFirst(
  { imageUrl }: UrlSource,
  gatewayUrl: string,
  length: number,
): Promise<{ bytes: Uint8Array; size: number | undefined }> {
  const where = withoutQuery(imageUrl);
  let response: Response;
  let bytes: Uint8Array;
  try {
    response = await guardedFetch(imageUrl, (url) => checkImageUrl(url, gatewayUrl), {
      headers: { range: `bytes=0-${length - 1}`, 'accept-encoding': 'identity' },
      signal: AbortSignal.timeout(LOOK_TIMEOUT_MS),
    });
    bytes = await readFirst(response, length);
  } catch (error) {
    if (error instanceof CutoutError) throw error;
    throw new CutoutError('DownloadFailed', `${where} could not be fetched`, { cause: error });
  }
  if (response.status === 416) throw new CutoutError('NotAnImage', `${where} is empty`);
  if (isTransient(response.status)) throw new CutoutError('DownloadFailed', `${where} answered ${response.status}`);
  if (!response.ok) throw new CutoutError('ImageNotFound', `${where} answered ${response.status}`);
  const total = response.headers.get('content-range')?.split('/')[1] ?? response.headers.get('content-length');
  return { bytes, size: total !== null && /^\d+$/.test(total) ? Number(total) : undefined };
}

/** Whether the same request may be answered better later. */
function isTransient(status: number): boolean {
  return status >= 500 || [408, 425, 429].includes(status);
}

/** The first bytes of a body; the rest of it, which a server may send against our range, is left. */
async function readFirst(response: Response, length: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes >= length) break;
  }
  return Buffer.concat(chunks).subarray(0, length);
}
