import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { checkImage, MAX_IMAGE_BYTES } from '../../../functions/images/check.ts';
import { DEFAULT_LIMITS, type Limits } from '../../../functions/images/limits.ts';
import { SNIFF_BYTES } from '../../../functions/images/type.ts';
import { failureOf } from '../failure-of.ts';

const CAT = readFileSync(join(import.meta.dirname, '../../../local/sample/cat.jpg'));
const blank = (width: number, height: number) =>
  sharp({
    create: { width, height, channels: 3, background: 'red', noise: { type: 'gaussian', mean: 99, sigma: 30 } },
  });

/** What becomes of a file of which the first bytes are read, and how much of it was read. */
async function check(file: Buffer, limits: Limits = DEFAULT_LIMITS, size: number | undefined = file.length) {
  let length = Math.min(file.length, SNIFF_BYTES);
  const read = async (more: number) => {
    length = Math.min(file.length, more);
    return file.subarray(0, more);
  };
  const beginning = { where: 's3://uploads/cat', head: file.subarray(0, SNIFF_BYTES), size, read };
  return { ...(await checkImage(beginning, limits)), length };
}

const refusalOf = (file: Buffer, limits?: Limits) => failureOf(check(file, limits));

/** A JPEG segment that decoders skip: a comment, an ICC profile or a preview in EXIF. */
const segment = (bytes: number) =>
  Buffer.concat([Buffer.of(0xff, 0xed, (bytes + 2) >> 8, (bytes + 2) & 0xff), Buffer.alloc(bytes)]);
/** The sample with so many bytes of segments in front of its frame header. */
function withSegments(bytes: number): Buffer {
  const full = Array.from({ length: Math.floor(bytes / 65_533) }, () => segment(65_533));
  return Buffer.concat([CAT.subarray(0, 2), ...full, segment(bytes % 65_533), CAT.subarray(2)]);
}

/** A box of the ISO base media format, in which HEIC and AVIF begin. */
const ftyp = (brand: string) =>
  Buffer.concat([Buffer.of(0, 0, 0, 24), Buffer.from(`ftyp${brand}\0\0\0\0mif1${brand}`), Buffer.alloc(400)]);

describe('an image', () => {
  it.each(['jpeg', 'png', 'webp'] as const)('may be %s', async (format) => {
    const file = await blank(64, 48).toFormat(format).toBuffer();
    expect((await check(file)).contentType).toBe(`image/${format}`);
  });

  it('tells its EXIF orientation, also where that stands behind the bytes that are read first', async () => {
    const file = await blank(64, 48).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect((await check(file)).orientation).toBe(6);
    const late = Buffer.concat([file.subarray(0, 2), segment(60_000), file.subarray(2)]);
    expect((await check(late)).orientation).toBe(6);
    expect((await check(CAT)).orientation).toBeUndefined();
  });

  it('may have bytes behind its end', async () => {
    const file = await blank(4, 4).png().toBuffer();
    expect((await check(Buffer.concat([file, Buffer.from('<!-- more -->')]))).contentType).toBe('image/png');
  });

  it.each([0, 5_000, 70_000, 900_000])('may be a JPEG with %i bytes in front of its frame header', async (bytes) => {
    const { length } = await check(withSegments(bytes));
    expect(length).toBeLessThanOrEqual(bytes === 0 ? SNIFF_BYTES : 1024 * 1024);
  });

  it('may be a JPEG whose frame header is not in its first megabyte, where nobody looks', async () => {
    expect((await check(withSegments(1_500_000))).contentType).toBe('image/jpeg');
  });

  it('of another format is let through where the setting says so', async () => {
    const limits: Limits = { ...DEFAULT_LIMITS, formats: ['gif', 'bmp', 'tiff', 'heic', 'avif'] };
    expect((await check(await blank(8, 8).gif().toBuffer(), limits)).contentType).toBe('image/gif');
    expect((await check(await blank(8, 8).tiff().toBuffer(), limits)).contentType).toBe('image/tiff');
    expect((await check(ftyp('heic'), limits)).contentType).toBe('image/heic');
    expect((await refusalOf(CAT, limits)).message).toContain(
      'is a JPEG picture; convert it to GIF, BMP, TIFF, HEIC or AVIF.',
    );
  });
});

describe('UnsupportedFormat', () => {
  it.each([
    ['HEIC', ftyp('heic')],
    ['AVIF', ftyp('avif')],
    ['GIF', Buffer.concat([Buffer.from('GIF89a'), Buffer.alloc(100, 1)])],
    ['BMP', Buffer.concat([Buffer.from('BM'), Buffer.alloc(12), Buffer.of(40, 0, 0, 0), Buffer.alloc(100)])],
    ['TIFF', Buffer.concat([Buffer.from('II*\0'), Buffer.of(0, 0x10, 0, 0), Buffer.alloc(10_000)])],
    ['ICO', Buffer.concat([Buffer.of(0, 0, 1, 0, 1, 0, 16, 16), Buffer.alloc(100)])],
    ['PSD', Buffer.concat([Buffer.from('8BPS'), Buffer.alloc(100)])],
    [
      'JXL',
      Buffer.concat([Buffer.of(0, 0, 0, 12), Buffer.from('JXL '), Buffer.of(13, 10, 0x87, 10), Buffer.alloc(100)]),
    ],
  ])('names %s, and the formats that are submitted', async (name, file) => {
    const error = await refusalOf(file);
    expect(error.name).toBe('UnsupportedFormat');
    expect(error.message).toContain(`s3://uploads/cat is a ${name} picture; convert it to JPEG, PNG or WebP.`);
  });
});

describe('NotAnImage', () => {
  const png = () => blank(4, 4).png().toBuffer();

  it.each<[string, () => Buffer | Promise<Buffer>]>([
    ['nothing', () => Buffer.alloc(0)],
    ['a text that begins with GIF', () => Buffer.from('GIFTS for the cat: a ball of wool')],
    ['a text that begins with BM', () => Buffer.from('BMW, second hand, drives like new')],
    [
      'a film of Motion JPEG 2000',
      () =>
        Buffer.concat([
          Buffer.of(0, 0, 0, 12),
          Buffer.from('jP  \r\n'),
          Buffer.of(0x87, 10, 0, 0, 0, 20),
          Buffer.from('ftypmjp2\0\0\0\0mjp2'),
          Buffer.alloc(100),
        ]),
    ],
    ['a JPEG of three bytes', () => Buffer.of(0xff, 0xd8, 0xff)],
    ['a JPEG without a frame header', () => Buffer.concat([CAT.subarray(0, 20)])],
    ['a JPEG that ends before its picture', () => Buffer.concat([CAT.subarray(0, 2), segment(2_000)])],
    ['a PNG that ends after its header', async () => (await png()).subarray(0, 33)],
    ['a small PNG without its end', async () => (await png()).subarray(0, -12)],
    ['a WebP that is shorter than it says', async () => (await blank(64, 64).webp().toBuffer()).subarray(0, -3)],
    ['a picture behind a byte order mark', async () => Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), await png()])],
    ['a picture behind an ID3 tag', async () => Buffer.concat([Buffer.from('ID3\x04\0\0\0\0\0\0'), await png()])],
    ['a PNG of 0 × 0 pixels', async () => withSize(await png(), 0, 0)],
    ['a PNG of 0 × 4 pixels', async () => withSize(await png(), 0, 4)],
  ])('is %s', async (_what, file) => {
    expect(await refusalOf(await file())).toMatchObject({ name: 'NotAnImage' });
  });
});

describe('ImageTooLarge', () => {
  it('is an image with more bytes than the limit, and not one of as many', async () => {
    const head = await blank(4, 4).png().toBuffer();
    const image = (size: number) => ({ where: 'cat', head, size, read: async () => head });
    expect((await checkImage(image(MAX_IMAGE_BYTES), DEFAULT_LIMITS)).contentType).toBe('image/png');
    await expect(checkImage(image(MAX_IMAGE_BYTES + 1), DEFAULT_LIMITS)).rejects.toMatchObject({
      name: 'ImageTooLarge',
    });
  });

  it('is an image with more pixels than the setting allows, whatever its bytes', async () => {
    const file = withSize(await blank(4, 4).png().toBuffer(), 20_000, 10_000);
    const error = await refusalOf(file);
    expect(error.name).toBe('ImageTooLarge');
    expect(error.message).toContain('s3://uploads/cat has 200.0 megapixels; the limit is 100.');
    expect((await check(file, { ...DEFAULT_LIMITS, maxPixels: 200e6 })).contentType).toBe('image/png');
  });

  it('is a long JPEG with more pixels than the setting allows', async () => {
    expect(await refusalOf(withSegments(70_000), { ...DEFAULT_LIMITS, maxPixels: 1000 })).toMatchObject({
      name: 'ImageTooLarge',
    });
  });
});

/** A PNG whose header says that it is so large. */
function withSize(png: Buffer, width: number, height: number): Buffer {
  const file = Buffer.from(png);
  file.writeUInt32BE(width, 16);
  file.writeUInt32BE(height, 20);
  return file;
}
