import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { BrokenImage, type Followed, followed, Whole } from '../../../functions/images/whole.ts';
import { paddedPng, pixelPng, pngChunk } from '../../../local/png.ts';

/** Another one for each run, which a failure names. */
const seed = Number(process.env.FC_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** A small picture with edges and noise. */
const drawing = sharp({
  create: {
    width: 24,
    height: 16,
    channels: 4,
    background: { r: 20, g: 160, b: 90, alpha: 0.5 },
    noise: { type: 'gaussian', mean: 128, sigma: 40 },
  },
});
const draw = () => drawing.clone();
const thumbnail = await draw().resize(8).jpeg().toBuffer();

/** Whole images as encoders make them, and as cameras and editors put them together. */
const IMAGES: [what: string, format: Followed, image: Buffer][] = [
  ['a PNG', 'PNG', await draw().png().toBuffer()],
  ['an interlaced PNG with a palette', 'PNG', await draw().png({ progressive: true, palette: true }).toBuffer()],
  ['a PNG with text, and its pixels in three chunks', 'PNG', pngInParts(await draw().png().toBuffer())],
  ['a padded PNG', 'PNG', Buffer.concat([...paddedPng(1000)])],
  ['a lossy WebP with transparency', 'WebP', await draw().webp().toBuffer()],
  ['a lossless WebP', 'WebP', await draw().webp({ lossless: true }).toBuffer()],
  [
    'a WebP with metadata',
    'WebP',
    await draw()
      .withExif({ IFD0: { Copyright: 'me' } })
      .webp()
      .toBuffer(),
  ],
  ['an animated WebP', 'WebP', await animated()],
  ['a WebP whose last chunk is odd and not padded', 'WebP', unpadded()],
  ['a JPEG', 'JPEG', await draw().jpeg().toBuffer()],
  ['a progressive JPEG', 'JPEG', await draw().jpeg({ progressive: true }).toBuffer()],
  ['a JPEG with a thumbnail, fill bytes and restart markers', 'JPEG', await camera()],
];

/** What becomes of an image that comes in these chunks. */
function verdict(format: Followed, ...chunks: Uint8Array[]): string {
  const image = new Whole(format);
  try {
    for (const chunk of chunks) image.pass(chunk);
  } catch (error) {
    if (error instanceof BrokenImage) return error.message;
    throw error;
  }
  return image.isWhole ? 'whole' : 'not whole yet';
}

/** An image in chunks whose boundaries are at these places. */
function split(image: Uint8Array, places: number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => place % (image.length + 1)).sort((a, b) => a - b), image.length];
  return at.slice(1).map((end, index) => image.subarray(at[index], end));
}

describe.each(IMAGES)('%s', (_what, format, image) => {
  it('is known by its signature', () => {
    expect(followed(image)).toBe(format);
    expect(followed(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), image]))).toBeUndefined();
  });

  it('is whole, also with bytes behind its end', () => {
    expect(verdict(format, image)).toBe('whole');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (rest) => {
        expect(verdict(format, Buffer.concat([image, rest]))).toBe('whole');
        expect(verdict(format, image, rest)).toBe('whole');
      }),
      { seed, numRuns: 30 },
    );
  });

  it('is never whole if it ends anywhere before its end', () => {
    for (let length = 0; length < image.length; length++)
      expect(verdict(format, image.subarray(0, length)), `${length} of ${image.length} bytes`).not.toBe('whole');
  });

  it('gets the same verdict wherever its chunks begin, whole, cut or changed', () => {
    const changes = fc.array(fc.record({ at: fc.nat(image.length - 1), to: fc.integer({ min: 0, max: 255 }) }), {
      maxLength: 3,
    });
    const places = fc.array(fc.nat(), { maxLength: 8 });
    fc.assert(
      fc.property(changes, fc.nat(image.length), places, (changes, length, places) => {
        const changed = Buffer.from(image);
        for (const { at, to } of changes) changed[at] = to;
        const cut = length % 3 === 0 ? changed.subarray(0, length) : changed;
        expect(verdict(format, ...split(cut, places))).toBe(verdict(format, cut));
      }),
      { seed, numRuns: 200 },
    );
    const bytewise = Array.from(image, (byte) => Uint8Array.of(byte));
    expect(verdict(format, ...bytewise)).toBe('whole');
  });
});

describe.each(IMAGES.filter(([, format]) => format === 'PNG'))('%s', (_what, format, image) => {
  it('is never whole if any bit behind its signature has flipped', () => {
    const bits = fc.integer({ min: 8 * 8, max: image.length * 8 - 1 });
    fc.assert(
      fc.property(bits, (bit) => {
        const changed = Buffer.from(image);
        changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(verdict(format, changed)).not.toBe('whole');
      }),
      { seed, numRuns: 300 },
    );
  });
});

describe('bytes behind a signature', () => {
  const signatures: [Followed, Buffer][] = [
    ['PNG', Buffer.from('89504e470d0a1a0a', 'hex')],
    ['WebP', Buffer.from('RIFF\xff\xff\0\0WEBP', 'latin1')],
    ['JPEG', Buffer.from('ffd8ff', 'hex')],
  ];

  it.each(signatures)('of a %s may be anything, and nothing worse than broken', (format, signature) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (rest) => {
        const said = verdict(format, signature, rest);
        expect(said).toMatch(format === 'JPEG' ? /^(not whole yet|whole|has .*)$/ : /^(not whole yet|has .*|does .*)$/);
      }),
      { seed, numRuns: 200 },
    );
  });

  it.each<[string, Followed, Buffer, string]>([
    ['a PNG without pixels', 'PNG', Buffer.concat([pixelPng().subarray(0, 33), pngChunk('IEND')]), 'has no pixels'],
    [
      'a PNG without a header',
      'PNG',
      Buffer.concat([pixelPng().subarray(0, 8), pixelPng().subarray(33)]),
      'does not begin with one header',
    ],
    ['a PNG with two headers', 'PNG', pixelPng(pixelPng().subarray(8, 33)), 'does not begin with one header'],
    ['a WebP without pixels', 'WebP', riff(webpChunk('EXIF', 10)), 'has no pixels'],
    [
      'a WebP with a chunk that leaves it',
      'WebP',
      riff(webpChunk('VP8 ', 10), Buffer.from('VP8L\x20\0\0\0')),
      'has a chunk that is longer than all of it',
    ],
    ['a JPEG without pixels', 'JPEG', Buffer.from('ffd8ffe00002ffd9', 'hex'), 'has no pixels'],
    [
      'a JPEG whose segment is too short',
      'JPEG',
      Buffer.from('ffd8ffe00001ffd9', 'hex'),
      'has a segment that is shorter than its length',
    ],
  ])('%s is broken', (_what, format, image, said) => {
    expect(verdict(format, image)).toBe(said);
  });
});

/** The same PNG, its one IDAT in three, and a text between header and pixels. */
function pngInParts(png: Buffer): Buffer {
  const at = png.indexOf('IDAT');
  const pixels = png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4));
  const parts = split(pixels, [1, pixels.length >> 1]).map((part) => pngChunk('IDAT', Buffer.from(part)));
  return Buffer.concat([png.subarray(0, 33), pngChunk('tEXt', Buffer.from('Title\0IEND')), ...parts, pngChunk('IEND')]);
}

async function animated(): Promise<Buffer> {
  const frames = [10, 200].map((red) => ({
    create: { width: 8, height: 8, channels: 4 as const, background: { r: red, g: 0, b: 0, alpha: 1 } },
  }));
  const pngs = await Promise.all(frames.map((frame) => sharp(frame).png().toBuffer()));
  return sharp(pngs, { join: { animated: true } })
    .webp()
    .toBuffer();
}

function webpChunk(type: string, size: number): Buffer {
  const chunk = Buffer.alloc(8 + size);
  chunk.write(type, 'latin1');
  chunk.writeUInt32LE(size, 4);
  return chunk;
}

function riff(...chunks: Buffer[]): Buffer {
  const body = Buffer.concat(chunks);
  const header = Buffer.from('RIFF\0\0\0\0WEBP', 'latin1');
  header.writeUInt32LE(4 + body.length, 4);
  return Buffer.concat([header, body]);
}

function unpadded(): Buffer {
  return riff(webpChunk('VP8L', 24), webpChunk('EXIF', 7));
}

/** With a whole JPEG in its EXIF, fill bytes before a marker, and restart markers and stuffed bytes among its pixels. */
async function camera(): Promise<Buffer> {
  const jpeg = await draw().jpeg().toBuffer();
  const exif = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xe1, 0, 0]), Buffer.from('Exif\0\0'), thumbnail]);
  exif.writeUInt16BE(exif.length - 4, 4);
  const pixels = Buffer.from('ffd0123456ff00ffd7abff00', 'hex');
  return Buffer.concat([jpeg.subarray(0, 2), exif, jpeg.subarray(2, -2), pixels, jpeg.subarray(-2)]);
}
