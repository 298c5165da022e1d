import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { paddedPng } from '../../local/png.ts';

describe('a padded PNG', () => {
  it.each([82, 83, 65_617, 65_618, 65_700, 131_200, 1_000_000])(
    'of %i bytes is a picture of that length',
    async (bytes) => {
      const image = Buffer.concat([...paddedPng(bytes)]);
      expect(image).toHaveLength(bytes);
      const { info } = await sharp(image, { failOn: 'warning' }).raw().toBuffer({ resolveWithObject: true });
      expect(info).toMatchObject({ width: 1, height: 1, channels: 4 });
    },
  );

  it('is not made of fewer bytes than one takes', () => {
    expect(() => [...paddedPng(81)]).toThrow('A padded PNG has at least 82 bytes');
  });
});
