import { PNG_SIGNATURE, pixelPng, pngChunk } from '../../local/png.ts';

/** More than the first bytes that tell an image's type, so that a cutout can break off after them. */
const CUTOUT_BYTES = 5000;

/** A picture that says what it shows. */
export function picture(shows: string): Buffer {
  return pixelPng(pngChunk('tEXt', Buffer.from(`Title\0${shows}`)));
}

export function isPicture(body: Buffer): boolean {
  return body.subarray(0, PNG_SIGNATURE.length).equals(PNG_SIGNATURE);
}

/** What the simulated gateway makes of an image: a picture that could have come of no other one. */
export function cutoutOf(etag: string): Buffer {
  return pixelPng(pngChunk('tEXt', Buffer.from(`Source\0${etag} `.padEnd(CUTOUT_BYTES, '.'))));
}
