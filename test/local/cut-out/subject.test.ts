import { describe, expect, it } from 'vitest';
import { MASK_SIZE } from '../../../local/cut-out/segmenter.ts';
import { withoutHoles } from '../../../local/cut-out/subject.ts';

/** A mask by what is there at a distance from the middle, in pixels. */
function maskOf(opacityAt: (distance: number) => number): Uint8Array {
  const middle = MASK_SIZE / 2;
  return Uint8Array.from({ length: MASK_SIZE ** 2 }, (_, pixel) =>
    opacityAt(Math.hypot((pixel % MASK_SIZE) - middle, Math.floor(pixel / MASK_SIZE) - middle)),
  );
}

/** How opaque a mask is so far to the right of its middle. */
const opacityAt = (mask: Uint8Array, distance: number) => mask[(MASK_SIZE / 2) * (MASK_SIZE + 1) + distance];

describe('the mask of a subject', () => {
  it('has no hole where the model sees one', () => {
    const ring = withoutHoles(maskOf((distance) => (distance > 30 && distance < 100 ? 255 : 0)));
    expect([0, 29, 60, 98].map((distance) => opacityAt(ring, distance))).toEqual([255, 255, 255, 255]);
    expect(opacityAt(ring, 102)).toBe(0);
  });

  it('keeps a gap that is open to the outside', () => {
    const gap = MASK_SIZE / 2;
    const split = maskOf((distance) => (distance < 100 ? 255 : 0)).map((opacity, pixel) =>
      Math.abs((pixel % MASK_SIZE) - gap) < 10 ? 0 : opacity,
    );
    const mask = withoutHoles(split);
    expect(opacityAt(mask, 0)).toBe(0);
    expect(opacityAt(mask, 30)).toBe(255);
  });

  it('is opaque inside where the model is unsure, and has no ghosts outside', () => {
    const unsure = withoutHoles(maskOf((distance) => (distance < 100 ? 160 : 50)));
    expect(opacityAt(unsure, 50)).toBe(255);
    expect(opacityAt(unsure, 120)).toBe(0);
  });

  it('fades along the rim as the model does, only steeper', () => {
    const fading = withoutHoles(maskOf((distance) => Math.min(255, Math.max(0, 128 - (distance - 100) * 20))));
    const rim = [97, 98, 99, 100, 101, 102, 103, 104].map((distance) => opacityAt(fading, distance) ?? -1);
    expect(rim).toEqual(rim.toSorted((a, b) => b - a));
    expect(rim.filter((opacity) => opacity > 0 && opacity < 255).length).toBeGreaterThanOrEqual(4);
  });
});
