import { crc32 } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** One transparent pixel. */
const HEADER = Buffer.from('00000001000000010806000000', 'hex');
const PIXEL = Buffer.from('78da636460f85f0f0002870180', 'hex');
/** More than the first bytes that tell an image's type, so that a cutout can break off after them. */
const CUTOUT_BYTES = 5000;

/** A picture that says what it shows. */
export function picture(shows: string): Buffer {
  return Buffer.concat([SIGNATURE, chunk('IHDR', HEADER), chunk('tEXt', Buffer.from(`Title\0${shows}`)), ...end()]);
}

export function isPicture(body: Buffer): boolean {
  return body.subarray(0, SIGNATURE.length).equals(SIGNATURE);
}

/** What the simulated gateway makes of an image: a picture that could have come of no other one. */
export function cutoutOf(etag: string): Buffer {
  const text = `Source\0${etag} `.padEnd(CUTOUT_BYTES, '.');
  return Buffer.concat([SIGNATURE, chunk('IHDR', HEADER), chunk('tEXt', Buffer.from(text)), ...end()]);
}

function end(): Buffer[] {
  return [chunk('IDAT', PIXEL), chunk('IEND', Buffer.alloc(0))];
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const frame = Buffer.alloc(8 + body.length);
  frame.writeUInt32BE(data.length);
  body.copy(frame, 4);
  frame.writeUInt32BE(crc32(body), 4 + body.length);
  return frame;
}
