import { CutoutError } from '../errors.ts';
import { type Answer, type AnswerListener, guardedGet } from '../images/fetching.ts';
import { type ImageType, imageType, SNIFF_BYTES } from '../images/type.ts';
import { BrokenImage, type Followed, followed, Whole } from '../images/whole.ts';

/** Largest result that is delivered, in bytes: a bound on what a broken or hostile server can make us store. */
export const MAX_RESULT_BYTES = 1024 ** 3;
/** Time limit of one download, in milliseconds; within the function's own. */
const DOWNLOAD_TIMEOUT_MS = 240_000;
/** Content encodings that leave the bytes as they are. S3 keeps `aws-chunked`, the way they were uploaded, as one. */
const PLAIN_ENCODINGS = ['', 'identity', 'aws-chunked'];

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
 * @param place The first result is the cutout, which can be transparent: PNG or WebP. Further ones are any image.
 * @param onAnswer Sees each answer, redirects too.
 * @throws UntrustedResultUrl, DownloadFailed, InvalidResult; reading the bytes also ResultTooLarge
 */
export async function openMedium(
  url: string,
  hosts: readonly string[],
  place: 'first' | 'further' = 'first',
  onAnswer?: AnswerListener,
): Promise<Medium> {
  if (!URL.canParse(url)) throw new CutoutError('UntrustedResultUrl', 'A media URL of the gateway is no URL');
  const signal = AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS);
  const answer = await guardedGet(url, (hop) => checkHost(hop, hosts), { signal, onAnswer }).catch((error: unknown) => {
    throw asDownloadFailed(error);
  });
  try {
    checkAnswer(answer);
    const chunks = bodyOf(answer);
    const head = await readHead(chunks);
    const bytes = Buffer.concat(head);
    const type = await imageType(bytes);
    if (type === undefined) throw new CutoutError('InvalidResult', 'The result is no image by its own bytes');
    const format = followed(bytes);
    if (place === 'first' && format !== 'PNG' && format !== 'WebP')
      throw new CutoutError('InvalidResult', `The first result is ${type.contentType}, and neither PNG nor WebP`);
    const all = concat(head, chunks);
    return { ...type, bytes: format ? whole(all, format) : all, cancel: async () => void answer.body.destroy() };
  } catch (error) {
    answer.body.destroy();
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

/** Refuses an answer that is no result, or of which could not be told whether it has arrived as it was stored. */
function checkAnswer({ status, headers }: Answer): void {
  if (status !== 200)
    throw new CutoutError('DownloadFailed', `The CDN answered ${status} for a result`, { httpStatus: status });
  const length = headers['content-length'];
  const framing = headers['transfer-encoding']?.trim().toLowerCase();
  // A body that ends when the connection does may have been cut anywhere.
  if (framing === undefined ? length === undefined : framing !== 'chunked')
    throw new CutoutError('DownloadFailed', 'The CDN does not say how long a result is, so it could not be checked');
  const encodings = (headers['content-encoding'] ?? '').split(',').map((name) => name.trim().toLowerCase());
  const encoding = encodings.find((name) => !PLAIN_ENCODINGS.includes(name));
  if (encoding !== undefined)
    throw new CutoutError(
      'DownloadFailed',
      `The CDN sent a result in the encoding ${encoding}, which was not asked for`,
    );
  if (Number(length) > MAX_RESULT_BYTES) throw tooLarge();
}

/** The body's chunks; fails instead of ending early. */
async function* bodyOf({ body }: Answer): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > MAX_RESULT_BYTES) throw tooLarge();
      yield chunk;
    }
  } catch (error) {
    throw asDownloadFailed(error);
  }
}

/** The chunks of an image; fails at their end unless the image has ended too. Each is checked before it is passed on. */
async function* whole(chunks: AsyncIterable<Uint8Array>, format: Followed): AsyncGenerator<Uint8Array, void> {
  const image = new Whole(format);
  for await (const chunk of chunks) {
    try {
      image.pass(chunk);
    } catch (error) {
      if (!(error instanceof BrokenImage)) throw error;
      throw new CutoutError('DownloadFailed', `The result is broken: the ${format} ${error.message}`, { cause: error });
    }
    yield chunk;
  }
  if (!image.isWhole) throw new CutoutError('DownloadFailed', `The result is not whole: the ${format} has no end`);
}

function tooLarge(): CutoutError {
  return new CutoutError('ResultTooLarge', `The result has more than ${MAX_RESULT_BYTES} bytes`);
}

async function readHead(chunks: AsyncGenerator<Uint8Array, void>): Promise<Uint8Array[]> {
  const head: Uint8Array[] = [];
  for (let bytes = 0; bytes < SNIFF_BYTES; ) {
    const next = await chunks.next();
    if (next.done) break;
    head.push(next.value);
    bytes += next.value.byteLength;
  }
  return head;
}

async function* concat(head: Uint8Array[], rest: AsyncGenerator<Uint8Array, void>): AsyncGenerator<Uint8Array, void> {
  yield* head;
  yield* rest;
}

/** Whatever breaks on the way from the CDN is a failed download. */
function asDownloadFailed(error: unknown): CutoutError {
  if (error instanceof CutoutError) return error;
  const { message, code } = (error instanceof Error && error.cause instanceof Error ? error.cause : error) as {
    message?: string;
    code?: string;
  };
  // Where a host has several addresses, the error of all of them has no message.
  const reason = message || code || 'unknown';
  return new CutoutError('DownloadFailed', `The download of a result broke off (${reason})`, { cause: error });
}
