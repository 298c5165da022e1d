import { around, edge, type Raster, reachedFromEdge } from './raster.ts';

/** How far (in RGB, 0 to 441) a pixel may be from the background's colour and still belong to it. JPEG noise is within it. */
const TOLERANCE = 40;

/** Pixels fainter than this are background already. */
const FAINT = 16;

/** How much of the edge the background's colour must take. Of photos even a night sky takes less; a subject may touch the edge. */
const PLAIN_SHARE = 0.85;

type Colour = readonly [red: number, green: number, blue: number];

/** Whether the picture's edge is of one colour, or transparent already. */
export function isPlain(raster: Raster): boolean {
  const background = edgeColour(raster);
  const pixels = [...edge(raster)];
  const plain = pixels.filter((pixel) => isBackground(raster, pixel, background));
  return plain.length >= PLAIN_SHARE * pixels.length;
}

/**
 * Makes a plain background transparent, in place: clears what has the usual colour of the picture's edge and is connected
 * to it. Background that is enclosed by the subject stays.
 */
export function clearPlainBackground(raster: Raster): void {
  const background = edgeColour(raster);
  const marked = reachedFromEdge(raster, (pixel) => isBackground(raster, pixel, background));
  clear(raster, marked);
  if (background !== undefined) soften(raster, marked, background);
}

/**
 * The median of the picture's edge, channel by channel: a subject that touches less than half of it does not matter.
 * Undefined if all of the edge is transparent already.
 */
function edgeColour(raster: Raster): Colour | undefined {
  const { data } = raster;
  const visible = [...edge(raster)].filter((pixel) => (data[pixel * 4 + 3] ?? 0) >= FAINT);
  if (visible.length === 0) return undefined;
  const median = (channel: number) => {
    const values = visible.map((pixel) => data[pixel * 4 + channel] ?? 0).sort((a, b) => a - b);
    return values[values.length >> 1] ?? 0;
  };
  return [median(0), median(1), median(2)];
}

/** Whether a pixel is transparent already, or has the background's colour. */
function isBackground({ data }: Raster, pixel: number, background: Colour | undefined): boolean {
  const at = pixel * 4;
  if ((data[at + 3] ?? 0) < FAINT) return true;
  if (background === undefined) return false;
  return squaredDistance([data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0], background) <= TOLERANCE ** 2;
}

/** Makes the marked pixels transparent. */
function clear({ data }: Raster, marked: Uint8Array): void {
  for (let pixel = 0; pixel < marked.length; pixel++) {
    if (marked[pixel] === 1) data.writeUInt32LE(0, pixel * 4);
  }
}

/**
 * Softens the subject's outline, one pixel deep. A pixel there is a mixture of subject and background: it gets the
 * subject's own colour, and as much opacity as it had of that colour. So no rim of the old background shows when the
 * cutout is laid on a new one.
 */
function soften(raster: Raster, marked: Uint8Array, background: Colour): void {
  const { data, width, height } = raster;
  const original: Raster = { data: Buffer.from(data), width, height };
  for (let pixel = 0; pixel < marked.length; pixel++) {
    if (marked[pixel] === 1 || !isOutline(raster, marked, pixel)) continue;
    const subject = subjectColour(original, marked, pixel, background);
    let mixed = 0;
    let full = 0;
    subject.forEach((colour, channel) => {
      const base = background[channel] ?? 0;
      mixed += ((original.data[pixel * 4 + channel] ?? 0) - base) * (colour - base);
      full += (colour - base) ** 2;
      data[pixel * 4 + channel] = colour;
    });
    const share = full === 0 ? 1 : Math.min(1, Math.max(0, mixed / full));
    data[pixel * 4 + 3] = Math.round((original.data[pixel * 4 + 3] ?? 0) * share);
  }
}

/** Whether a marked pixel is next to this one, corners included. A loop, since nearly every pixel is asked about. */
function isOutline({ width, height }: Raster, marked: Uint8Array, pixel: number): boolean {
  const x = pixel % width;
  const y = (pixel - x) / width;
  for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
    for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
      if (marked[row * width + column] === 1) return true;
    }
  }
  return false;
}

/** The colour, within two pixels of this one, that is least like the background: the subject's, unmixed. */
function subjectColour(raster: Raster, marked: Uint8Array, pixel: number, background: Colour): Colour {
  const { data } = raster;
  let best: Colour = background;
  let farthest = -1;
  for (const neighbour of around(raster, pixel, 2)) {
    if (marked[neighbour] === 1) continue;
    const at = neighbour * 4;
    const colour: Colour = [data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0];
    const distance = squaredDistance(colour, background);
    if (distance <= farthest) continue;
    farthest = distance;
    best = colour;
  }
  return best;
}

function squaredDistance(a: Colour, b: Colour): number {
  return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2;
}
