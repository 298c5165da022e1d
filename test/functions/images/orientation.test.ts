import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { orientationOf } from '../../../functions/images/orientation.ts';

const blank = sharp({ create: { width: 40, height: 30, channels: 3, background: 'red' } });
const ORIENTATIONS = [1, 2, 3, 4, 5, 6, 7, 8];

/** A picture whose EXIF says how to turn it. */
function turned(format: 'jpeg' | 'png' | 'webp', orientation: number): Promise<Buffer> {
  return blank.clone().withMetadata({ orientation }).toFormat(format).toBuffer();
}

/** EXIF with one entry of 16 bits. */
function exif(tag: number, value: number, { littleEndian = true, entries = 1 } = {}): Buffer {
  const view = new DataView(new ArrayBuffer(26));
  view.setUint16(0, littleEndian ? 0x4949 : 0x4d4d);
  view.setUint16(2, 42, littleEndian);
  view.setUint32(4, 8, littleEndian);
  view.setUint16(8, entries, littleEndian);
  view.setUint16(10, tag, littleEndian);
  view.setUint16(12, 3, littleEndian);
  view.setUint32(14, 1, littleEndian);
  view.setUint16(18, value, littleEndian);
  return Buffer.from(view.buffer);
}

/** A PNG's beginning with this chunk of EXIF. */
function pngWith(chunk: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(chunk.length);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    length,
    Buffer.from('eXIf'),
    chunk,
    Buffer.alloc(4),
  ]);
}

describe('the EXIF orientation', () => {
  it.each(ORIENTATIONS)('%i is told of a JPEG and of a PNG', async (orientation) => {
    expect(orientationOf(await turned('jpeg', orientation))).toBe(orientation);
    expect(orientationOf(await turned('png', orientation))).toBe(orientation);
  });

  it('is told whatever the order of bytes', () => {
    expect(orientationOf(pngWith(exif(0x0112, 6)))).toBe(6);
    expect(orientationOf(pngWith(exif(0x0112, 6, { littleEndian: false })))).toBe(6);
  });

  it('is not told of a picture without one, nor of a WebP, which says it at its end', async () => {
    expect(orientationOf(await blank.clone().jpeg().toBuffer())).toBeUndefined();
    expect(orientationOf(await blank.clone().png().toBuffer())).toBeUndefined();
    expect(orientationOf(pngWith(exif(0x010f, 6)))).toBeUndefined();
    expect(orientationOf(await turned('webp', 6))).toBeUndefined();
  });

  it.each([0, 9, 65_535])('is none of EXIF’s if it is %i', (value) => {
    expect(orientationOf(pngWith(exif(0x0112, value)))).toBeUndefined();
  });

  it('is not told of EXIF that breaks off, or says of itself what is wrong', async () => {
    const png = pngWith(exif(0x0112, 6));
    for (let length = 0; length < 36; length++) expect(orientationOf(png.subarray(0, length))).toBeUndefined();
    expect(orientationOf(pngWith(exif(0x010f, 6, { entries: 65_535 })))).toBeUndefined();
    const jpeg = await turned('jpeg', 6);
    for (const length of [0, 2, 20, 30, 40]) expect(orientationOf(jpeg.subarray(0, length))).toBeUndefined();
  });

  it('is 1 to 8 or unknown, whatever the bytes are', () => {
    const starts = [Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.of(0xff, 0xd8, 0xff, 0xe1), Buffer.from('RIFF')];
    const bytes = fc
      .tuple(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 300 }))
      .map((parts) => Buffer.concat(parts));
    const pngs = fc.uint8Array({ maxLength: 60 }).map((chunk) => pngWith(Buffer.from(chunk)));
    fc.assert(
      fc.property(fc.oneof(bytes, pngs), (head) => {
        expect([...ORIENTATIONS, undefined]).toContain(orientationOf(head));
      }),
    );
  });
});
