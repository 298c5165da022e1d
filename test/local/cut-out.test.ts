import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { reachedFromEdge, TooManyPixels } from '../../local/cut-out/raster.ts';
import { cutOut } from '../../local/cut-out.ts';
import { scenery } from '../pictures.ts';
import { decode } from './cut-out/support.ts';

const cat = await readFile(new URL('../../local/sample/cat.jpg', import.meta.url));
const photo = await readFile(new URL('../../local/sample/coffee.jpg', import.meta.url));

/** Where the cup and its saucer are in the photo. */
const CUP = [
  [300, 140],
  [250, 230],
  [365, 290],
  [100, 200],
  [450, 250],
] as const;

describe('cutting out a photo', { timeout: 60_000 }, () => {
  let cutout: Buffer;
  let picture: Awaited<ReturnType<typeof decode>>;
  const say = vi.fn();
  beforeAll(async () => {
    cutout = await cutOut(photo, say);
    picture = await decode(cutout);
  }, 60_000);

  it('keeps the subject and makes what is around it transparent', () => {
    expect([picture.width, picture.height]).toEqual([600, 400]);
    expect(picture.corners).toEqual([0, 0, 0, 0]);
    expect(CUP.map(([x, y]) => picture.at(x, y)[3])).toEqual([255, 255, 255, 255, 255]);
  });

  it('leaves the subject its colours', async () => {
    const original = await decode(photo);
    for (const [x, y] of CUP) expect(picture.at(x, y)).toEqual(original.at(x, y));
  });

  it('feathers the edge', () => {
    const feathered = picture.pixels.filter(([, , , alpha]) => alpha > 20 && alpha < 235);
    // Some pixels wide, all along the saucer.
    expect(feathered.length).toBeGreaterThan(1_000);
    expect(feathered.length).toBeLessThan(picture.pixels.length / 20);
  });

  it('leaves no hole in the subject', () => {
    const opacity = (pixel: number) => picture.pixels[pixel]?.[3] ?? 0;
    const outside = reachedFromEdge(picture, (pixel) => opacity(pixel) < 128);
    expect(picture.pixels.filter((_, pixel) => outside[pixel] === 0 && opacity(pixel) < 128)).toEqual([]);
  });

  it('says nothing of it', () => {
    expect(say).not.toHaveBeenCalled();
  });

  it('turns it the way its EXIF orientation says', async () => {
    const lying = await sharp(photo).rotate(270).withMetadata({ orientation: 6 }).jpeg({ quality: 95 }).toBuffer();
    const turned = await decode(await cutOut(lying));

    expect([turned.width, turned.height]).toEqual([600, 400]);
    expect(turned.corners).toEqual([0, 0, 0, 0]);
    expect(CUP.map(([x, y]) => turned.at(x, y)[3])).toEqual([255, 255, 255, 255, 255]);
  });

  it('keeps what is transparent already transparent', async () => {
    const { width, height } = await sharp(photo).metadata();
    const left = { create: { width: width / 2, height, channels: 4, background: '#000000' } } as const;
    const half = await sharp(photo)
      .ensureAlpha()
      .composite([{ input: await sharp(left).png().toBuffer(), left: 0, top: 0, blend: 'dest-out' }])
      .png()
      .toBuffer();
    const rest = await decode(await cutOut(half));
    expect(rest.at(100, 200)[3]).toBe(0);
    expect(rest.at(365, 290)[3]).toBe(255);
  });

  it('gives several at once each its own', async () => {
    const mirrored = await sharp(photo).flop().png().toBuffer();
    const [other = Buffer.of(), plain, same] = await Promise.all([mirrored, cat, photo].map((each) => cutOut(each)));

    expect(same).toEqual(cutout);
    expect(plain).toEqual(await cutOut(cat));
    expect((await decode(other)).at(549, 200)[3]).toBe(0);
    expect(picture.at(549, 200)[3]).toBe(0);
    expect((await decode(other)).at(500, 200)[3]).toBe(255);
    expect(picture.at(500, 200)[3]).toBe(0);
  });

  it('without a subject gives it back whole, and says so', async () => {
    const notes: string[] = [];
    const whole = await cutOut(await scenery(), (note) => void notes.push(note));

    expect(notes).toEqual([expect.stringContaining('found no subject')]);
    expect((await decode(whole)).pixels).toEqual((await decode(await scenery())).pixels);
  });
});

describe('cutting out what is no picture, or too much of one', () => {
  it.each([
    ['text', Buffer.from('not a picture')],
    ['nothing', Buffer.alloc(0)],
    ['half a picture', cat.subarray(0, cat.length >> 1)],
  ])('refuses %s', async (_, bytes) => {
    await expect(cutOut(bytes)).rejects.toThrow();
  });

  it('refuses more than 40 million pixels by an error of its own, which says whose limit that is', async () => {
    const huge = await sharp({ create: { width: 8_000, height: 5_001, channels: 3, background: '#ffffff' } })
      .png({ compressionLevel: 1 })
      .toBuffer();
    const error = await cutOut(huge).catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(TooManyPixels);
    expect(String(error)).toMatch(
      /stand-in .* at most 40 million pixels, .* 8000 × 5001\. The gateway's own .* not known/,
    );
  });
});
