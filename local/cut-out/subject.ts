import sharp from 'sharp';
import { around, type Raster, reachedFromEdge } from './raster.ts';
import { MASK_SIZE, segment } from './segmenter.ts';

/** A subject that takes less of the picture than this is taken for none. */
const LEAST_SHARE = 0.03;

/** A pixel of the mask is more subject than not. */
const HALF = 128;

/** How wide the feathered rim is, in pixels of the mask. */
const RIM = 2;

/**
 * Makes all but the picture's subject transparent, in place: as a model sees it, without holes, and with a feathered edge.
 *
 * @returns whether there is a subject; without one the picture stays whole
 */
export async function keepSubject(raster: Raster): Promise<boolean> {
  const mask = withoutHoles(await segment(await square(raster)));
  const share = mask.reduce((sum, opacity) => sum + opacity, 0) / 255 / mask.length;
  if (share < LEAST_SHARE) return false;

  const { data, width, height } = raster;
  const opacities = await sharp(mask, { raw: { width: MASK_SIZE, height: MASK_SIZE, channels: 1 } })
    .resize(width, height, { fit: 'fill', kernel: 'cubic' })
    .extractChannel(0)
    .raw()
    .toBuffer();
  for (let pixel = 0; pixel < opacities.length; pixel++) {
    const at = pixel * 4 + 3;
    data[at] = Math.round(((data[at] ?? 0) * (opacities[pixel] ?? 0)) / 255);
  }
  return true;
}

/** The picture squashed to the model's size, as RGB: what it was trained on was squashed, too. */
async function square({ data, width, height }: Raster): Promise<Buffer> {
  return await sharp(data, { raw: { width, height, channels: 4 } })
    .flatten({ background: '#ffffff' })
    .resize(MASK_SIZE, MASK_SIZE, { fit: 'fill' })
    .raw()
    .toBuffer();
}

/**
 * The mask with its faint parts gone and all that the subject encloses opaque, but for its rim. What the model is
 * unsure of would be a ghost; what it misses inside of a subject would be a hole.
 */
export function withoutHoles(mask: Uint8Array): Buffer {
  const size = { width: MASK_SIZE, height: MASK_SIZE };
  const outside = reachedFromEdge(size, (pixel) => (mask[pixel] ?? 0) < HALF);
  return Buffer.from(
    mask.map((opacity, pixel) => {
      const rim = outside[pixel] === 1 || around(size, pixel, RIM).some((neighbour) => outside[neighbour] === 1);
      return rim ? steeper(opacity) : 255;
    }),
  );
}

/** From transparent at a quarter to opaque at three quarters. */
function steeper(opacity: number): number {
  return Math.min(255, Math.max(0, (opacity - HALF / 2) * 2));
}
