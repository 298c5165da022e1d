import { fileTypeFromBuffer } from 'file-type';

/** How many first bytes are looked at, the sample size file-type asks for. */
export const SNIFF_BYTES = 4100;

export interface ImageType {
  /** MIME type, such as `image/png`. */
  contentType: string;
  /** File extension without the dot, such as `png`. */
  extension: string;
}

/**
 * What image `head`, the first bytes of a file, begins; undefined if none. Names and headers say nothing here, and the
 * signature must stand at byte 0: file-type looks behind an ID3 tag and a byte order mark, decoders of images do not.
 */
export async function imageType(head: Uint8Array): Promise<ImageType | undefined> {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  if (bytes.indexOf('ID3') === 0 || bytes.indexOf('\uFEFF') === 0) return undefined;
  const type = (await fileTypeFromBuffer(head)) ?? tiff(bytes);
  // Motion JPEG 2000 is a film.
  if (!type?.mime.startsWith('image/') || type.mime === 'image/mj2') return undefined;
  if (type.mime === 'image/gif' && !/^GIF8[79]a/.test(bytes.toString('latin1', 0, 6))) return undefined;
  if (type.mime === 'image/bmp' && !isBitmap(bytes)) return undefined;
  return { contentType: type.mime, extension: type.ext };
}

/** A TIFF may have its directory at its end, where file-type does not see it; its first four bytes say enough. */
function tiff(bytes: Buffer): { mime: string; ext: string } | undefined {
  const magic = bytes.toString('latin1', 0, 4);
  return magic === 'II*\0' || magic === 'MM\0*' ? { mime: 'image/tiff', ext: 'tif' } : undefined;
}

/** Sizes of the header that follows `BM` and 12 more bytes, in all versions of the format. A text has none of them. */
const BITMAP_HEADERS = [12, 16, 40, 52, 56, 64, 108, 124];

function isBitmap(bytes: Buffer): boolean {
  return bytes.length >= 18 && BITMAP_HEADERS.includes(bytes.readUInt32LE(14));
}
