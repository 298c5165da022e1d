import { INPUT_FORMATS } from '../gateway/model.ts';
import type { ImageFormat } from './formats.ts';

/** What may be submitted; by the settings `imageFormats` and `maxMegapixels`. */
export interface Limits {
  formats: readonly ImageFormat[];
  maxPixels: number;
}

/** At 179 megapixels Pillow, which models are commonly fed by, takes a picture for a decompression bomb. */
export const DEFAULT_LIMITS: Limits = { formats: INPUT_FORMATS, maxPixels: 100e6 };
