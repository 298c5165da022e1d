import { fileTypeFromBuffer } from 'file-type';

/** How many first bytes are looked at, the sample size file-type asks for. */
export const SNIFF_BYTES = 4100;

export interface ImageType {
  /** MIME type, such as `image/png`. */
  contentType: string;
  /** File extension without the dot, such as `png`. */
  extension: string;
}

/** What image `head`, the first bytes of a file, begins; undefined if none. Names and headers say nothing here. */
export async function imageType(head: Uint8Array): Promise<ImageType | undefined> {
  if (isBehindPrefix(head)) return undefined;
  const type = (await fileTypeFromBuffer(head)) ?? tiff(head);
  if (!type?.mime.startsWith('image/')) return undefined;
  return { contentType: type.mime, extension: type.ext };
}

/** Whether a byte order mark or an ID3 tag comes first: file-type looks behind these, and no decoder does. */
function isBehindPrefix(head: Uint8Array): boolean {
  const magic = Buffer.from(head.subarray(0, 3)).toString('latin1');
  return magic === '\xef\xbb\xbf' || magic === 'ID3';
}

/** A TIFF may have its directory at its end, where file-type does not see it; its first four bytes say enough. */
function tiff(head: Uint8Array): { mime: string; ext: string } | undefined {
  const magic = Buffer.from(head.subarray(0, 4)).toString('latin1');
  return magic === 'II*\0' || magic === 'MM\0*' ? { mime: 'image/tiff', ext: 'tif' } : undefined;
}
