import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { cutOut } from '../../../local/cut-out.ts';
import { decode, draw } from './support.ts';

const sample = await readFile(new URL('../../../local/sample/cat.jpg', import.meta.url));

describe('cutting out a picture with a plain background', () => {
  it('makes the corners of the sample transparent and keeps the cat opaque', async () => {
    const picture = await decode(await cutOut(sample));

    expect(picture.corners).toEqual([0, 0, 0, 0]);
    for (const [x, y] of [
      [400, 180],
      [330, 216],
      [400, 450],
      [676, 415],
      [605, 300],
    ] as const) {
      expect(picture.at(x, y)[3]).toBe(255);
    }
  });

  it('returns a PNG of the same size', async () => {
    expect(await sharp(await cutOut(sample)).metadata()).toMatchObject({ format: 'png', width: 800, height: 600 });
  });

  it('keeps background that the subject encloses', async () => {
    const ring = await draw('<circle cx="50" cy="50" r="30" fill="none" stroke="#a02020" stroke-width="12"/>');
    const picture = await decode(await cutOut(ring));

    expect(picture.at(50, 50)).toEqual([255, 255, 255, 255]);
    expect(picture.at(50, 20)).toEqual([160, 32, 32, 255]);
    expect(picture.at(5, 5)[3]).toBe(0);
  });

  it('softens the outline and takes the old background out of it', async () => {
    const disc = await draw('<circle cx="50" cy="50" r="30" fill="#a02020"/>');
    const picture = await decode(await cutOut(disc));

    const outline = picture.pixels.filter(([, , , alpha]) => alpha > 0 && alpha < 255);
    expect(outline.length).toBeGreaterThan(50);
    for (const [red, green] of outline) {
      expect(Math.abs(red - 160)).toBeLessThan(20);
      expect(Math.abs(green - 32)).toBeLessThan(20);
    }
  });

  it('copes with a subject that touches the edge', async () => {
    const picture = await decode(await cutOut(await draw('<rect x="30" width="40" height="60" fill="#2040c0"/>')));

    expect(picture.at(50, 0)).toEqual([32, 64, 192, 255]);
    expect(picture.at(50, 90)[3]).toBe(0);
  });

  it('leaves what is transparent already transparent', async () => {
    const logo = sharp({ create: { width: 40, height: 20, channels: 4, background: '#00000000' } });
    const black = await sharp({ create: { width: 10, height: 10, channels: 3, background: '#000000' } })
      .png()
      .toBuffer();
    const picture = await decode(
      await cutOut(
        await logo
          .composite([{ input: black, left: 15, top: 5 }])
          .png()
          .toBuffer(),
      ),
    );

    expect(picture.at(0, 0)[3]).toBe(0);
    expect(picture.at(20, 10)).toEqual([0, 0, 0, 255]);
  });

  it('turns a picture the way its EXIF orientation says', async () => {
    const lying = await sharp(await draw('<rect x="0" y="40" width="20" height="20" fill="#2040c0"/>'))
      .resize(100, 50, { fit: 'fill' })
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .toBuffer();
    const picture = await decode(await cutOut(lying));

    expect([picture.width, picture.height]).toEqual([50, 100]);
    // What was on the left is now on top.
    expect(picture.at(25, 5)[3]).toBe(255);
    expect(picture.at(5, 50)[3]).toBe(0);
  });

  it('works on grey and 16-bit pictures', async () => {
    const grey = await sharp(sample).greyscale().png().toBuffer();
    const deep = await sharp(sample).toColourspace('rgb16').png().toBuffer();

    for (const image of [grey, deep]) {
      const picture = await decode(await cutOut(image));
      expect(picture.at(0, 0)[3]).toBe(0);
      expect(picture.at(332, 218)[3]).toBe(255);
    }
  });

  it('handles the smallest picture there is', async () => {
    const dot = await sharp({ create: { width: 1, height: 1, channels: 3, background: '#123456' } })
      .png()
      .toBuffer();
    expect((await decode(await cutOut(dot))).at(0, 0)[3]).toBe(0);
  });
});
