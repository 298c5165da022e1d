import { imageSize } from 'image-size';
import { CutoutError } from '../errors.ts';
import { env } from '../runtime/env.ts';
import { formatOf, type ImageFormat, inWords } from './formats.ts';
import type { Limits } from './limits.ts';
import { orientationOf } from './orientation.ts';
import { imageType, SNIFF_BYTES } from './type.ts';

/** Largest image that is submitted, in bytes. The gateway names no limit; this one is ours, to refuse what is no photo. */
export const MAX_IMAGE_BYTES = 100 * 1024 * 1024;
/** How much of a JPEG is read to find its size in pixels: previews and color profiles may stand in front of it. */
const FRAME_HEADER_BYTES = 1024 * 1024;

/** The limits that the stack gave this function. */
export function limitsFromEnv(): Limits {
  const formats = env('IMAGE_FORMATS').split(',') as ImageFormat[];
  return { formats, maxPixels: Number(env('MAX_MEGAPIXELS')) * 1e6 };
}

/** An image as far as it has been read. */
export interface Beginning {
  /** What to call it in messages: `s3://bucket/key`, or a URL without its query. */
  where: string;
  head: Uint8Array;
  /** In bytes; undefined if a web server does not say. */
  size: number | undefined;
  /** Reads so many first bytes anew. */
  read: (length: number) => Promise<Uint8Array>;
}

/** What the first bytes of an image say of it. */
export interface Checked {
  /** MIME type. */
  contentType: string;
  /** EXIF orientation, 1 to 8; undefined if they do not tell. */
  orientation?: number | undefined;
}

/**
 * Checks by its first bytes that an image can be submitted.
 *
 * @throws NotAnImage, UnsupportedFormat, ImageTooLarge
 */
export async function checkImage({ where, head, size, read }: Beginning, limits: Limits): Promise<Checked> {
  if (head.length === 0) throw new CutoutError('NotAnImage', `${where} is empty`);
  if (size !== undefined && size > MAX_IMAGE_BYTES) {
    throw new CutoutError('ImageTooLarge', `${where} has ${size} bytes; the limit is ${MAX_IMAGE_BYTES}`);
  }
  const type = await imageType(head);
  if (type === undefined) throw new CutoutError('NotAnImage', `${where} is not an image by its first bytes`);
  const format = formatOf(type.contentType);
  if (format === undefined || !limits.formats.includes(format)) {
    const name = inWords([format ?? type.extension]);
    throw new CutoutError(
      'UnsupportedFormat',
      `${where} is a ${name} picture; convert it to ${inWords(limits.formats)}`,
    );
  }
  const isLongJpeg = format === 'jpeg' && head.length === SNIFF_BYTES && pixelsOf(head) === undefined;
  const seen = isLongJpeg ? await read(FRAME_HEADER_BYTES) : head;
  if (size !== undefined && (endsEarly(format, seen, size) || size < lengthOf(format, seen))) {
    throw new CutoutError('NotAnImage', `${where} is a ${inWords([format])} picture that breaks off`);
  }
  const pixels = pixelsOf(seen);
  if (pixels === 0) throw new CutoutError('NotAnImage', `${where} has no pixels`);
  if (pixels !== undefined && pixels > limits.maxPixels) {
    const limit = limits.maxPixels / 1e6;
    throw new CutoutError(
      'ImageTooLarge',
      `${where} has ${(pixels / 1e6).toFixed(1)} megapixels; the limit is ${limit}`,
    );
  }
  return { contentType: type.contentType, orientation: orientationOf(seen) };
}

/** Width × height; undefined if these bytes do not tell. */
function pixelsOf(bytes: Uint8Array): number | undefined {
  try {
    const { width, height } = imageSize(bytes);
    return width * height;
  } catch {
    return undefined;
  }
}

/** Whether a file that was read whole lacks what every picture of its format has. */
function endsEarly(format: ImageFormat, head: Uint8Array, size: number): boolean {
  if (head.length < size) return false;
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  if (format === 'png') return !bytes.includes('IEND');
  if (format === 'jpeg') return pixelsOf(head) === undefined || !bytes.includes(Buffer.of(0xff, 0xda));
  return false;
}

/** How long a file must be, in bytes, by what stands in its head. */
function lengthOf(format: ImageFormat, head: Uint8Array): number {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return format === 'webp' && head.length >= 12 ? view.getUint32(4, true) + 8 : 0;
}
