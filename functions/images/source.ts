import type { S3Client } from '@aws-sdk/client-s3';
import type { ObjectSource, Source, UrlSource } from '../contract.ts';
import { CutoutError } from '../errors.ts';
import { httpStatus, isSuperseded, type ObjectHead, readHead } from '../results/objects.ts';
import { isTransient } from '../runtime/http-status.ts';
import { withoutQuery } from '../runtime/redact.ts';
import { type Checked, checkImage } from './check.ts';
import { type Answer, checkImageUrl, guardedGet } from './fetching.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';
import { saidOfRefusal } from './refusal.ts';
import { SNIFF_BYTES } from './type.ts';

/** Time limit for looking at an image URL, in milliseconds. */
const LOOK_TIMEOUT_MS = 15_000;

/** An image that may be submitted. */
export interface Look extends Checked {
  /** The source, pinned to the version that was looked at. */
  source: Source;
  /** In bytes; undefined if a web server does not say. */
  size: number | undefined;
  /** When the object was uploaded; undefined for an image URL. */
  uploadedAt?: Date | undefined;
  /** The object's own metadata; undefined if it has none, and for an image URL. */
  metadata?: Record<string, string> | undefined;
}

/**
 * Looks at the first bytes of a source before anything is paid for it.
 *
 * @returns SUPERSEDED if the object has been overwritten since: its newer version has an execution of its own.
 * @throws ImageNotFound, ImageRefused, ImageArchived, ImageUnreadable, NotAnImage, UnsupportedFormat, ImageTooLarge, InvalidInput,
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
  // Deleted, but in a bucket with versioning what was uploaded may still be there.
  if (head === undefined && versionId !== undefined) head = await readDeleted(s3, source);
  if (head === undefined) throw new CutoutError('ImageNotFound', `There is no object ${where} (any more)`);
  const pinned = { bucket, key, versionId: head.versionId ?? versionId, etag: etag ?? head.etag };
  const read = async (length: number) => (await readUpload(s3, pinned, length))?.bytes ?? new Uint8Array();
  const { bytes, size, lastModified: uploadedAt, metadata } = head;
  const checked = await checkImage({ where, head: bytes, size, read }, limits);
  return { source: pinned, ...checked, size, uploadedAt, ...(Object.keys(metadata).length > 0 && { metadata }) };
}

/** The first bytes of a version that is not current any more; undefined if it has been deleted for good. */
async function readDeleted(s3: S3Client, source: ObjectSource): Promise<ObjectHead | undefined> {
  try {
    return await readUpload(s3, source, SNIFF_BYTES);
  } catch (error) {
    // Without s3:ListBucketVersions, S3 may say 403 of a version that is gone. The bucket itself can be read: S3 has
    // just said 404, and not 403, of the current version.
    if (httpStatus(error) === 403) return undefined;
    throw error;
  }
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
  // For all requests together: the function must have time left for the submission.
  const context = { gatewayUrl, signal: AbortSignal.timeout(LOOK_TIMEOUT_MS) };
  const { bytes, size } = await fetchFirst(source, SNIFF_BYTES, context);
  const read = async (length: number) => (await fetchFirst(source, length, context)).bytes;
  const where = withoutQuery(source.imageUrl);
  return { source, ...(await checkImage({ where, head: bytes, size, read }, limits)), size };
}

interface LookContext {
  gatewayUrl: string;
  /** Ends all of the look. */
  signal: AbortSignal;
}

/** Answers to a Range that some servers give although they would send the whole file. */
const RANGE_REFUSED = [400, 401, 403, 405, 416];

/** The first bytes behind an image URL, and how many there are in all, if the server says. */
async function fetchFirst(
  source: UrlSource,
  length: number,
  context: LookContext,
): Promise<{ bytes: Uint8Array; size: number | undefined }> {
  const where = withoutQuery(source.imageUrl);
  let answer = await fetchRange(source, length, context, { range: `bytes=0-${length - 1}` });
  if (RANGE_REFUSED.includes(answer.status)) answer = await fetchRange(source, length, context, {});
  const { status, headers, bytes } = answer;
  if (isTransient(status)) throw new CutoutError('DownloadFailed', `${where} answered ${status}`);
  if (status === 404 || status === 410) throw new CutoutError('ImageNotFound', `${where} is not there (${status})`);
  if (status < 200 || status > 299) {
    const said = saidOfRefusal(bytes, source.imageUrl);
    throw new CutoutError('ImageRefused', `The server of ${where} refused (${status}${said})`);
  }
  const total = headers['content-range']?.split('/')[1] ?? headers['content-length'] ?? '';
  return { bytes, size: /^\d+$/.test(total) ? Number(total) : undefined };
}

async function fetchRange(
  { imageUrl }: UrlSource,
  length: number,
  { gatewayUrl, signal }: LookContext,
  headers: Record<string, string>,
): Promise<Omit<Answer, 'body'> & { bytes: Uint8Array }> {
  try {
    const answer = await guardedGet(imageUrl, (url) => checkImageUrl(url, gatewayUrl), { headers, signal });
    return { ...answer, bytes: await readFirst(answer.body, length) };
  } catch (error) {
    if (error instanceof CutoutError) throw error;
    throw new CutoutError('DownloadFailed', `${withoutQuery(imageUrl)} could not be fetched`, { cause: error });
  }
}

/** The first bytes of a body; the rest of it, which a server may send against our range, is left. */
async function readFirst(body: AsyncIterable<Uint8Array>, length: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes >= length) break;
  }
  return Buffer.concat(chunks).subarray(0, length);
}
