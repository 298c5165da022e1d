import { CutoutError } from '../errors.ts';
import { guardedFetch } from '../images/fetching.ts';
import { type ImageType, imageType, SNIFF_BYTES } from '../images/type.ts';

/** Largest result that is delivered, in bytes: a bound on what a broken or hostile server can make us store. */
export const MAX_RESULT_BYTES = 1024 ** 3;
/** Time limit of one download, in milliseconds; within the function's own. */
const DOWNLOAD_TIMEOUT_MS = 240_000;

/** A result that is being downloaded, already known to begin as an image. */
export interface Medium extends ImageType {
  /** All its bytes; fails instead of ending early. To be read or {@link cancel}led. */
  bytes: AsyncIterable<Uint8Array>;
  cancel: () => Promise<void>;
}

/**
 * Opens a result on the gateway's CDN and looks at its first bytes.
 *
 * @param url Not trusted: it, and every redirect, must match one of `hosts`.
 * @throws UntrustedResultUrl, DownloadFailed, InvalidResult; reading the bytes also ResultTooLarge
 */
export async function openMedium(url: string, hosts: readonly string[]): Promise<Medium> {
  if (!URL.canParse(url)) throw new CutoutError('UntrustedResultUrl', 'A media URL of the gateway is no URL');
  const response = await named(() =>
    guardedFetch(url, (hop) => checkHost(hop, hosts), {
      // Otherwise fetch unpacks a compressed body, and Content-Length no longer counts what arrives.
      headers: { 'accept-encoding': 'identity' },
      signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS),
    }),
  );
  const chunks = wholeBody(response);
  const head: Uint8Array[] = [];
  try {
    const { status: httpStatus } = response;
    if (httpStatus !== 200)
      throw new CutoutError('DownloadFailed', `The CDN answered ${httpStatus} for a result`, { httpStatus });
    await readHead(chunks, head);
    const type = await imageType(Buffer.concat(head));
    if (type === undefined) throw new CutoutError('InvalidResult', 'The result is no image by its own bytes');
    return { ...type, bytes: concat(head, chunks), cancel: () => cancel(chunks, response) };
  } catch (error) {
    await cancel(chunks, response);
    throw error;
  }
}

/** @throws UntrustedResultUrl unless `url` is on one of the hosts of the setting `resultHosts`. */
export function checkHost(url: URL, hosts: readonly string[]): void {
  const plain = url.username === '' && url.password === '';
  const trusted = hosts.some((host) => {
    if (host.includes('://')) return `${url.protocol}//${url.host}` === host;
    if (url.protocol !== 'https:' || url.port !== '') return false;
    return host.startsWith('*.') ? url.hostname.endsWith(host.slice(1)) : url.hostname === host;
  });
  if (!plain || !trusted)
    throw new CutoutError(
      'UntrustedResultUrl',
      `A result lies on (or redirects to) ${url.origin}, which is not trusted`,
    );
}

/** The body's chunks; ends only if all of it has arrived, and nothing but it. */
async function* wholeBody(response: Response): AsyncGenerator<Uint8Array, void> {
  const length = response.headers.get('content-length');
  // A body that ends when the connection does may have been cut anywhere.
  if (length === null && response.headers.get('transfer-encoding') === null) {
    throw new CutoutError('DownloadFailed', 'The CDN does not say how long a result is, so it could not be checked');
  }
  if (Number(length) > MAX_RESULT_BYTES) throw tooLarge();
  let bytes = 0;
  const reader = response.body?.getReader();
  try {
    for (;;) {
      const next = await named(async () => reader?.read());
      if (next === undefined || next.done) break;
      bytes += next.value.byteLength;
      if (bytes > MAX_RESULT_BYTES) throw tooLarge();
      yield next.value;
    }
  } finally {
    await reader?.cancel().catch(() => undefined);
  }
  if (length !== null && bytes !== Number(length)) {
    throw new CutoutError('DownloadFailed', `The CDN sent ${bytes} of ${length} bytes of a result`);
  }
}

function tooLarge(): CutoutError {
  return new CutoutError('ResultTooLarge', `The result has more than ${MAX_RESULT_BYTES} bytes`);
}

async function readHead(chunks: AsyncGenerator<Uint8Array, void>, head: Uint8Array[]): Promise<void> {
  for (let bytes = 0; bytes < SNIFF_BYTES; ) {
    const next = await chunks.next();
    if (next.done) return;
    head.push(next.value);
    bytes += next.value.byteLength;
  }
}

async function* concat(head: Uint8Array[], rest: AsyncGenerator<Uint8Array, void>): AsyncGenerator<Uint8Array, void> {
  yield* head;
  yield* rest;
}

async function cancel(chunks: AsyncGenerator<Uint8Array, void>, response: Response): Promise<void> {
  await chunks.return();
  if (!response.bodyUsed) await response.body?.cancel().catch(() => undefined);
}

/** Whatever breaks on the way from the CDN is a failed download. */
async function named<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CutoutError) throw error;
    const reason = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : '';
    throw new CutoutError('DownloadFailed', `The download of a result broke off (${reason})`, { cause: error });
  }
}
