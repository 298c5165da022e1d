/** Formats that the setting `imageFormats` may name, each with the MIME types that its bytes are known by. */
export const FORMATS = {
  jpeg: ['image/jpeg'],
  png: ['image/png', 'image/apng'],
  webp: ['image/webp'],
  avif: ['image/avif'],
  bmp: ['image/bmp'],
  gif: ['image/gif'],
  heic: ['image/heic', 'image/heif', 'image/heic-sequence', 'image/heif-sequence'],
  tiff: ['image/tiff'],
} as const satisfies Record<string, readonly string[]>;

export type ImageFormat = keyof typeof FORMATS;

/** The format of a MIME type; undefined if the setting cannot name it. */
export function formatOf(contentType: string): ImageFormat | undefined {
  const formats = Object.keys(FORMATS) as ImageFormat[];
  return formats.find((format) => (FORMATS[format] as readonly string[]).includes(contentType));
}

/** Formats in words: `JPEG, PNG or WebP`. */
export function inWords(formats: readonly string[]): string {
  const names = formats.map((format) => (format === 'webp' ? 'WebP' : format.toUpperCase()));
  const last = names.pop() ?? '';
  return names.length === 0 ? last : `${names.join(', ')} or ${last}`;
}
