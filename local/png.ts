import { crc32 } from 'node:zlib';

/** What every PNG begins with. */
export const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** One chunk of a PNG, with its length and its CRC. */
export function pngChunk(type: string, data: Buffer = Buffer.alloc(0)): Buffer {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length);
  chunk.write(type, 4, 'latin1');
  data.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), chunk.length - 4);
  return chunk;
}

/** A PNG of one transparent pixel; between its header and its pixel stand these chunks. */
export function pixelPng(...chunks: Buffer[]): Buffer {
  return Buffer.concat([START, ...chunks, END]);
}

const START = Buffer.concat([PNG_SIGNATURE, pngChunk('IHDR', Buffer.from('00000001000000010806000000', 'hex'))]);
const END = Buffer.concat([pngChunk('IDAT', Buffer.from('78da636460f85f0f0002870180', 'hex')), pngChunk('IEND')]);

/** Bytes of a chunk without data. */
const EMPTY_CHUNK = 12;
/** What a large PNG is filled with: zeros in a chunk of a private type, which decoders skip. */
const BLOCK = pngChunk('paDd', Buffer.alloc(65_536 - EMPTY_CHUNK));

/** A whole PNG of exactly so many bytes, made piece by piece, so that even gigabytes take no memory. */
export function* paddedPng(bytes: number): Generator<Buffer> {
  let left = bytes - START.length - END.length;
  if (left < EMPTY_CHUNK) throw new Error(`A padded PNG has at least ${bytes - left + EMPTY_CHUNK} bytes`);
  yield START;
  for (; left >= BLOCK.length + EMPTY_CHUNK; left -= BLOCK.length) yield BLOCK;
  yield pngChunk('paDd', Buffer.alloc(left - EMPTY_CHUNK));
  yield END;
}
