import sharp from 'sharp';

type Pixel = [red: number, green: number, blue: number, alpha: number];

/** A picture's pixels, for looking at. */
export async function decode(png: Buffer) {
  const { data, info } = await sharp(png).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  const pixels: Pixel[] = [];
  for (let at = 0; at < data.length; at += 4) {
    pixels.push([data.readUInt8(at), data.readUInt8(at + 1), data.readUInt8(at + 2), data.readUInt8(at + 3)]);
  }
  const at = (x: number, y: number): Pixel => pixels[y * info.width + x] ?? [0, 0, 0, 0];
  const [right, bottom] = [info.width - 1, info.height - 1];
  return {
    width: info.width,
    height: info.height,
    pixels,
    at,
    /** How opaque the four corners are. */
    corners: [at(0, 0), at(right, 0), at(0, bottom), at(right, bottom)].map(([, , , alpha]) => alpha),
  };
}

/** A 100 by 100 PNG with these shapes on white. */
export function draw(shapes: string): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100">${shapes}</svg>`;
  return sharp(Buffer.from(svg)).flatten({ background: '#ffffff' }).png().toBuffer();
}
