import { clearPlainBackground, isPlain } from './cut-out/plain.ts';
import { decode, encode } from './cut-out/raster.ts';
import { keepSubject } from './cut-out/subject.ts';

/** Where the picture is given back whole. */
const NO_SUBJECT = 'the stand-in for the model found no subject that fills 3 % of the picture, and gave it back whole';

/**
 * Removes the background of a picture and returns a PNG of the same size, turned the way its EXIF orientation says.
 *
 * It stands in for Bria RMBG 2.0 where no gateway is at hand, and is not as good. A plain background is cleared by its
 * colour; from any other one a small model, U²-Net, tells the picture's subject. What the subject encloses stays.
 *
 * @param say Takes what a person should know of the outcome: that there was no subject.
 * @throws TooManyPixels for a picture of more than 40 million
 * @throws Error of sharp's for bytes that it cannot decode
 */
export async function cutOut(image: Buffer, say: (note: string) => void = () => {}): Promise<Buffer> {
  const raster = await decode(image);
  if (isPlain(raster)) clearPlainBackground(raster);
  else if (!(await keepSubject(raster))) say(NO_SUBJECT);
  return await encode(raster);
}
