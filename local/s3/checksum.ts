import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Crc64Nvme } from '@aws-sdk/crc64-nvme';
import type { Request } from './request.ts';
import type { Version } from './store.ts';

type Checksum = (body: Buffer) => string | Promise<string>;

/** What computes a checksum as S3 writes it, by the name of its header. Not CRC32C, which Node cannot compute. */
const CHECKSUMS: Record<string, Checksum> = {
  'x-amz-checksum-crc32': (body) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(crc32(body));
    return bytes.toString('base64');
  },
  'x-amz-checksum-crc64nvme': crc64nvme,
  'x-amz-checksum-sha1': (body) => createHash('sha1').update(body).digest('base64'),
  'x-amz-checksum-sha256': (body) => createHash('sha256').update(body).digest('base64'),
};

/** Which checksum S3 keeps of what is written: the one that the client sends along, or else a CRC64NVME. */
export function checksumOf({ headers }: Request): string {
  const algorithm = headers['x-amz-checksum-algorithm'] ?? headers['x-amz-sdk-checksum-algorithm'];
  if (algorithm !== undefined) return `x-amz-checksum-${algorithm.toLowerCase()}`;
  const names = [...Object.keys(headers), ...(headers['x-amz-trailer'] ?? '').split(',').map((name) => name.trim())];
  return names.find((name) => /^x-amz-checksum-(crc|sha)/.test(name)) ?? 'x-amz-checksum-crc64nvme';
}

/** Headers of the answer to a request that asks for the checksum of a whole object. */
export async function checksumHeaders({ headers }: Request, version: Version): Promise<Record<string, string>> {
  if (headers['x-amz-checksum-mode'] !== 'ENABLED' || headers.range !== undefined) return {};
  const { checksum = 'x-amz-checksum-crc64nvme', body } = version;
  const value = await CHECKSUMS[checksum]?.(body);
  return value === undefined ? {} : { [checksum]: value, 'x-amz-checksum-type': 'FULL_OBJECT' };
}

async function crc64nvme(body: Buffer): Promise<string> {
  const hash = new Crc64Nvme();
  hash.update(body);
  return Buffer.from(await hash.digest()).toString('base64');
}
