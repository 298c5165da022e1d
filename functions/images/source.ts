import type { S3Client } from '@aws-sdk/client-s3';
import type { ObjectSource, Source, UrlSource } from '../contract.ts';
import { CutoutError } from '../errors.ts';
import { isSuperseded, readHead } from '../results/objects.ts';
import { isTransient } from '../runtime/http-status.ts';
import { withoutQuery } from '../runtime/redact.ts';
import { checkImageUrl, guardedFetch } from './fetching.ts';
import { imageType, SNIFF_BYTES } from './type.ts';

/** Largest image that is submitted, in bytes. The gateway names no limit; this one is ours, to refuse what is no photo. */
export const MAX_IMAGE_BYTES = 100 * 1024 * 1024;
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
 * @throws ImageNotFound, NotAnImage, ImageTooLarge, InvalidInput, DownloadFailed
 */
export async function lookAt(s3: S3Client, source: Source, gatewayUrl: string): Promise<Look | 'SUPERSEDED'> {
  return 'imageUrl' in source ? lookAtUrl(source, gatewayUrl) : lookAtObject(s3, source);
}

async function lookAtObject(s3: S3Client, source: ObjectSource): Promise<Look | 'SUPERSEDED'> {
  const { bucket, key, versionId, etag } = source;
  const where = `s3://${bucket}/${key}`;
  // Whoever GETs a URL resolves such segments first, so the signature would be for another key.
  if (key.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw new CutoutError(
      'InvalidInput',
      `${where} cannot be fetched by a URL because of a "." or ".." in its key; rename it`,
    );
  }
  let head = await readHead(s3, { bucket, key }, SNIFF_BYTES);
  if (head !== undefined && isSuperseded(source, head)) return 'SUPERSEDED';
  // Deleted, but in a bucket with versioning what was uploaded is still there.
  if (head === undefined && versionId !== undefined) head = await readHead(s3, source, SNIFF_BYTES);
  if (head === undefined) throw new CutoutError('ImageNotFound', `There is no object ${where} (any more)`);
  const contentType = await checkImage(where, head.bytes, head.size);
  const pinned = { bucket, key, versionId: head.versionId ?? versionId, etag: etag ?? head.etag };
  return { source: pinned, contentType, size: head.size, uploadedAt: head.lastModified };
}

async function lookAtUrl(source: UrlSource, gatewayUrl: string): Promise<Look> {
  const where = withoutQuery(source.imageUrl);
  let response: Response;
  let bytes: Uint8Array;
  try {
    response = await guardedFetch(source.imageUrl, (url) => checkImageUrl(url, gatewayUrl), {
      headers: { range: `bytes=0-${SNIFF_BYTES - 1}`, 'accept-encoding': 'identity' },
      signal: AbortSignal.timeout(LOOK_TIMEOUT_MS),
    });
    bytes = await readFirst(response, SNIFF_BYTES);
  } catch (error) {
    if (error instanceof CutoutError) throw error;
    throw new CutoutError('DownloadFailed', `${where} could not be fetched`, { cause: error });
  }
  if (response.status === 416) throw new CutoutError('NotAnImage', `${where} is empty`);
  if (isTransient(response.status)) throw new CutoutError('DownloadFailed', `${where} answered ${response.status}`);
  if (!response.ok) throw new CutoutError('ImageNotFound', `${where} answered ${response.status}`);
  const total = response.headers.get('content-range')?.split('/')[1] ?? response.headers.get('content-length');
  const size = total !== null && /^\d+$/.test(total) ? Number(total) : undefined;
  return { source, contentType: await checkImage(where, bytes, size), size };
}

async function checkImage(where: string, head: Uint8Array, size: number | undefined): Promise<string> {
  if (head.length === 0) throw new CutoutError('NotAnImage', `${where} is empty`);
  if (size !== undefined && size > MAX_IMAGE_BYTES) {
    throw new CutoutError('ImageTooLarge', `${where} has ${size} bytes; the limit is ${MAX_IMAGE_BYTES}`);
  }
  const type = await imageType(head);
  if (type === undefined)
    throw new CutoutError('NotAnImage', `${where} is no image: its first bytes are those of no image format`);
  return type.contentType;
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
