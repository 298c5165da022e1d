import sharp from 'sharp';

/** A picture's pixels. */
export interface Raster {
  /** RGBA, four bytes a pixel. */
  data: Buffer;
  width: number;
  height: number;
}

/** More pixels than this are refused: decoded, they would take over 160 MB. */
const MAX_PIXELS = 40_000_000;

/** A picture has more pixels than the stand-in takes. Of the gateway's own limit nothing is known. */
export class TooManyPixels extends Error {
  override readonly name = 'TooManyPixels';
  constructor(width: number, height: number) {
    super(
      `the stand-in for the model, on this machine, takes at most ${MAX_PIXELS / 1e6} million pixels, and this ` +
        `picture has ${width} × ${height}. The gateway's own limit is not known`,
    );
  }
}

/**
 * Decodes a picture, turned the way its EXIF orientation says.
 *
 * @throws TooManyPixels for more than 40 million
 * @throws Error of sharp's for what it cannot decode
 */
export async function decode(image: Buffer): Promise<Raster> {
  const { width, height } = await sharp(image, { limitInputPixels: false }).metadata();
  if (width * height > MAX_PIXELS) throw new TooManyPixels(width, height);
  const { data, info } = await sharp(image)
    .autoOrient()
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/** The picture as PNG. */
export async function encode({ data, width, height }: Raster): Promise<Buffer> {
  return await sharp(data, { raw: { width, height, channels: 4 } })
    .png()
    .toBuffer();
}

/** The pixels along the four sides. */
export function* edge({ width, height }: { width: number; height: number }): Generator<number> {
  for (let x = 0; x < width; x++) {
    yield x;
    yield (height - 1) * width + x;
  }
  for (let y = 1; y < height - 1; y++) {
    yield y * width;
    yield y * width + width - 1;
  }
}

/** Marks (with 1) every pixel that passes and is reached from the edge through such pixels, side by side. */
export function reachedFromEdge(
  size: { width: number; height: number },
  passes: (pixel: number) => boolean,
): Uint8Array {
  const { width, height } = size;
  const marked = new Uint8Array(width * height);
  const pending: number[] = [];
  const visit = (pixel: number) => {
    if (marked[pixel] === 1 || !passes(pixel)) return;
    marked[pixel] = 1;
    pending.push(pixel);
  };

  for (const pixel of edge(size)) visit(pixel);
  for (let pixel = pending.pop(); pixel !== undefined; pixel = pending.pop()) {
    const x = pixel % width;
    if (x > 0) visit(pixel - 1);
    if (x < width - 1) visit(pixel + 1);
    if (pixel >= width) visit(pixel - width);
    if (pixel < width * (height - 1)) visit(pixel + width);
  }
  return marked;
}

/** The square of pixels around one, itself included, as far as it lies within the picture. */
export function around({ width, height }: { width: number; height: number }, pixel: number, reach: number): number[] {
  const x = pixel % width;
  const y = (pixel - x) / width;
  const pixels: number[] = [];
  for (let row = Math.max(0, y - reach); row <= Math.min(height - 1, y + reach); row++) {
    for (let column = Math.max(0, x - reach); column <= Math.min(width - 1, x + reach); column++) {
      pixels.push(row * width + column);
    }
  }
  return pixels;
}
