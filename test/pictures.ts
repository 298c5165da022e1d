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

/** A picture that is neither plain nor has a subject: colours that run into each other. */
export function scenery(): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200">
    <linearGradient id="colours" x2="1" y2="1">
      <stop stop-color="#603a90"/><stop offset=".5" stop-color="#3a8f78"/><stop offset="1" stop-color="#b8c860"/>
    </linearGradient>
    <rect width="300" height="200" fill="url(#colours)"/></svg>`;
  return sharp(Buffer.from(svg)).png().toBuffer();
}

/** The smallest PNG there is: one transparent pixel. */
export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
