import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

/** A JPEG of 49 kB. */
export const CAT = readFileSync(join(import.meta.dirname, '../../../local/sample/cat.jpg'));

type Format = 'png' | 'webp' | 'gif' | 'tiff' | 'avif';

/** A small picture; no two of these are the same. */
export function picture(format: Format = 'png'): Promise<Buffer> {
  number++;
  const background = { r: number & 255, g: (number >> 8) & 255, b: 120 };
  return sharp({ create: { width: 16, height: 16, channels: 3, background } })
    .toFormat(format)
    .toBuffer();
}
let number = Date.now() & 0x7fff;
