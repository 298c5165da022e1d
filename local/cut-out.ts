import sharp from 'sharp';

/** More pixels than this are refused: decoded, they would take over 160 MB. */
const maxPixels = 40_000_000;

/** How far (in RGB, 0 to 441) a pixel may be from the background's colour and still belong to it. JPEG noise is within it. */
const tolerance = 40;

/** Pixels fainter than this are background already. */
const faint = 16;

interface Raster {
  /** RGBA, four bytes a pixel. */
  data: Buffer;
  width: number;
  height: number;
}

type Colour = readonly [red: number, green: number, blue: number];

/**
 * Removes a plain background from a picture and returns a PNG of the same size, turned the way its EXIF orientation says.
 *
 * It stands in for Bria RMBG 2.0 where no gateway is at hand, and only handles plain backgrounds: it takes the usual
 * colour of the picture's edge and clears what has that colour and is connected to the edge. Background that is
 * enclosed by the subject stays, and so does any scenery.
 *
 * Rejects if the bytes are no picture that sharp can decode, or one of more than 40 million pixels.
 */
export async function cutOut(image: Buffer): Promise<Buffer> {
  const { data, info } = await sharp(image, { limitInputPixels: maxPixels })
    .autoOrient()
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const raster: Raster = { data, width: info.width, height: info.height };

  const background = edgeColour(raster);
  const marked = connectedBackground(raster, background);
  clear(raster, marked);
  if (background !== undefined) soften(raster, marked, background);

  return await sharp(data, { raw: { width: info.width, height: info.height, channels: 4 } })
    .png()
    .toBuffer();
}

/**
 * The median of the picture's edge, channel by channel: a subject that touches less than half of it does not matter.
 * Undefined if all of the edge is transparent already.
 */
function edgeColour(raster: Raster): Colour | undefined {
  const { data } = raster;
  const visible = [...edge(raster)].filter((pixel) => (data[pixel * 4 + 3] ?? 0) >= faint);
  if (visible.length === 0) return undefined;
  const median = (channel: number) => {
    const values = visible.map((pixel) => data[pixel * 4 + channel] ?? 0).sort((a, b) => a - b);
    return values[values.length >> 1] ?? 0;
  };
  return [median(0), median(1), median(2)];
}

/** Marks (with 1) every pixel that looks like the background and is reached from the edge through such pixels. */
function connectedBackground(raster: Raster, background: Colour | undefined): Uint8Array {
  const { data, width, height } = raster;
  const marked = new Uint8Array(width * height);
  const pending: number[] = [];

  const visit = (pixel: number) => {
    if (marked[pixel] === 1) return;
    const at = pixel * 4;
    if ((data[at + 3] ?? 0) >= faint) {
      const colour: Colour = [data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0];
      if (background === undefined || squaredDistance(colour, background) > tolerance ** 2) return;
    }
    marked[pixel] = 1;
    pending.push(pixel);
  };

  for (const pixel of edge(raster)) visit(pixel);
  for (let pixel = pending.pop(); pixel !== undefined; pixel = pending.pop()) {
    const x = pixel % width;
    if (x > 0) visit(pixel - 1);
    if (x < width - 1) visit(pixel + 1);
    if (pixel >= width) visit(pixel - width);
    if (pixel < width * (height - 1)) visit(pixel + width);
  }
  return marked;
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

/** The square of pixels around one, itself included, as far as it lies within the picture. */
function around({ width, height }: Raster, pixel: number, reach: number): number[] {
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

/** The pixels along the picture's four sides. */
function* edge({ width, height }: Raster): Generator<number> {
  for (let x = 0; x < width; x++) {
    yield x;
    yield (height - 1) * width + x;
  }
  for (let y = 1; y < height - 1; y++) {
    yield y * width;
    yield y * width + width - 1;
  }
}
