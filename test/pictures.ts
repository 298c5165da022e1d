import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

/** A picture with a plain background. */
export const CAT = readFileSync(join(import.meta.dirname, '../local/sample/cat.jpg'));

/** A small picture that differs from other pictures by its colour. */
export function picture(red: number): Promise<Buffer> {
  return sharp({ create: { width: 8, height: 8, channels: 3, background: { r: red, g: 120, b: 200 } } })
    .png()
    .toBuffer();
}

/** The smallest PNG there is: one transparent pixel. */
export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
