import { imageSize } from 'image-size';

/** The tag that says in EXIF how to turn a picture. */
const ORIENTATION = 0x0112;
/** What stands in front of a PNG's first chunk, in bytes. */
const PNG_SIGNATURE_BYTES = 8;

/**
 * The EXIF orientation of a JPEG or PNG, 1 to 8, as far as its first bytes tell it; otherwise undefined. A WebP says it
 * behind its pixels, which are not read.
 */
export function orientationOf(head: Uint8Array): number | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  try {
    const exif = exifOfPng(bytes);
    const orientation = exif === undefined ? imageSize(head).orientation : orientationIn(exif);
    return orientation !== undefined && orientation >= 1 && orientation <= 8 ? orientation : undefined;
  } catch {
    // Anybody may have written it, and it may break off.
    return undefined;
  }
}

/** The EXIF of a PNG, if it stands in these bytes; image-size reads that of a JPEG only. */
function exifOfPng(bytes: Buffer): Buffer | undefined {
  if (bytes.toString('latin1', 1, 4) !== 'PNG') return undefined;
  for (let at = PNG_SIGNATURE_BYTES; at + 8 <= bytes.length; at += bytes.readUInt32BE(at) + 12) {
    const isExif = bytes.toString('latin1', at + 4, at + 8) === 'eXIf';
    if (isExif) return bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at));
  }
  return undefined;
}

/** What the first directory of EXIF says, which is written as a TIFF is. @throws RangeError if it breaks off */
function orientationIn(exif: Buffer): number | undefined {
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  const isLittleEndian = exif.toString('latin1', 0, 2) === 'II';
  const directory = view.getUint32(4, isLittleEndian);
  const entries = view.getUint16(directory, isLittleEndian);
  for (let entry = directory + 2; entry < directory + 2 + entries * 12; entry += 12) {
    if (view.getUint16(entry, isLittleEndian) === ORIENTATION) return view.getUint16(entry + 8, isLittleEndian);
  }
  return undefined;
}
