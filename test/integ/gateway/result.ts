import { createHash } from 'node:crypto';
import { paddedPng, pixelPng, pngChunk } from '../../../local/png.ts';

/** What the text in a result begins with: the hash of the image that it was made from follows. */
const SOURCE = 'Source\0';

/** A PNG in place of a cutout, that tells which image it was made from; a large one, made piece by piece, does not. */
export async function* resultOf(image: Buffer, bytes: number | undefined): AsyncGenerator<Buffer> {
  if (bytes === undefined) yield pixelPng(pngChunk('tEXt', Buffer.from(`${SOURCE}${sha256(image)}`)));
  else yield* paddedPng(bytes);
}

/** Whether a result was made from this image. */
export function isMadeFrom(result: Uint8Array, image: Uint8Array): boolean {
  return Buffer.from(result).includes(`${SOURCE}${sha256(image)}`);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
