import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { S3Error } from './errors.ts';
import type { Request } from './request.ts';

const incomplete = (message: string) => new S3Error(400, 'IncompleteBody', message);

/**
 * The bytes that a request means to send: chunk framing undone, lengths and digests checked.
 * Not checked: the signatures of single chunks, and the CRC32C and CRC64NVME checksums, which Node cannot compute.
 */
export function decodePayload(request: Request, raw: Buffer): Buffer {
  const { headers, operation } = request;
  const hash = headers['x-amz-content-sha256'] ?? '';
  const chunked = hash.startsWith('STREAMING-') || isChunked(headers['content-encoding']);
  const { body, trailers } = chunked ? decodeChunks(request, raw) : { body: raw, trailers: {} };
  if (
    !chunked &&
    headers['transfer-encoding'] !== undefined &&
    (operation === 'PutObject' || operation === 'UploadPart')
  ) {
    throw new S3Error(
      501,
      'NotImplemented',
      'A header you provided implies functionality that is not implemented: Transfer-Encoding. Send the length.',
    );
  }
  if (/^[0-9a-f]{64}$/.test(hash) && hash !== digest('sha256', body, 'hex')) {
    throw new S3Error(
      400,
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
  // With CompleteMultipartUpload the checksum headers speak of the finished object, not of this body.
  if (operation !== 'CompleteMultipartUpload') checkDigests({ ...headers, ...trailers }, body);
  return body;
}

/** The content encoding without `aws-chunked`, which belongs to the transfer and is not kept. */
export function keptEncoding(encoding: string | undefined): string | undefined {
  return (
    (encoding ?? '')
      .split(',')
      .map((token) => token.trim())
      .filter((token) => token && token !== 'aws-chunked')
      .join(',') || undefined
  );
}

function isChunked(encoding: string | undefined): boolean {
  return /(^|[\s,])aws-chunked($|[\s,])/.test(encoding ?? '');
}

/** Undoes `aws-chunked`: chunks of `<hex size>[;chunk-signature=…]\r\n<bytes>\r\n`, an empty one, then trailers. */
function decodeChunks(request: Request, raw: Buffer): { body: Buffer; trailers: Record<string, string> } {
  const length = request.headers['x-amz-decoded-content-length'];
  if (length === undefined) {
    throw new S3Error(411, 'MissingContentLength', 'You must provide the Content-Length HTTP header.');
  }
  const chunks: Buffer[] = [];
  let offset = 0;
  const nextLine = () => {
    const end = raw.indexOf('\r\n', offset);
    if (end < 0) throw incomplete('The chunked body ends within a line.');
    const line = raw.toString('latin1', offset, end);
    offset = end + 2;
    return line;
  };
  for (;;) {
    const [, hex] = /^([0-9a-f]+)(;.*)?$/i.exec(nextLine()) ?? [];
    if (hex === undefined) throw incomplete('The chunked body has a malformed chunk.');
    const size = Number.parseInt(hex, 16);
    if (size === 0) break;
    if (raw.toString('latin1', offset + size, offset + size + 2) !== '\r\n') throw incomplete('A chunk is cut short.');
    chunks.push(raw.subarray(offset, offset + size));
    offset += size + 2;
  }
  const body = Buffer.concat(chunks);
  if (String(body.length) !== length.trim()) {
    throw incomplete('You did not provide the number of bytes specified by the x-amz-decoded-content-length header.');
  }
  const trailers: Record<string, string> = {};
  // The last line need not be ended by every client.
  for (const line of raw.toString('latin1', offset).split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) trailers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  for (const name of (request.headers['x-amz-trailer'] ?? '').split(',')) {
    if (name.trim() && !(name.trim().toLowerCase() in trailers)) throw incomplete(`The trailer ${name} is missing.`);
  }
  return { body, trailers };
}

function checkDigests(given: Record<string, string>, body: Buffer): void {
  const computed: Record<string, () => string> = {
    'content-md5': () => digest('md5', body, 'base64'),
    'x-amz-checksum-crc32': () => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(crc32(body));
      return bytes.toString('base64');
    },
    'x-amz-checksum-sha1': () => digest('sha1', body, 'base64'),
    'x-amz-checksum-sha256': () => digest('sha256', body, 'base64'),
  };
  for (const [name, compute] of Object.entries(computed)) {
    if (given[name] !== undefined && given[name] !== compute()) {
      throw new S3Error(400, 'BadDigest', `The ${name} you specified did not match what we received.`);
    }
  }
}

function digest(algorithm: string, body: Buffer, encoding: 'hex' | 'base64'): string {
  return createHash(algorithm).update(body).digest(encoding);
}
