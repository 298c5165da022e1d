import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3ObjectCreatedNotificationEvent } from 'aws-lambda';
import sharp, { type Sharp } from 'sharp';

const s3 = new S3Client({});

/** How the pixels of a photo are turned, by its EXIF orientation; 1 is upright. sharp mirrors before it rotates. */
const TURNS: Record<number, (image: Sharp) => Sharp> = {
  2: (image) => image.flop(),
  3: (image) => image.rotate(180),
  4: (image) => image.flip(),
  5: (image) => image.flop().rotate(270),
  6: (image) => image.rotate(90),
  7: (image) => image.flop().rotate(90),
  8: (image) => image.rotate(270),
};

/** Puts a cutout on white: `photos/cat.jpg.png` becomes `photos/cat.jpg.jpg` and `photos/cat.jpg.webp`. */
export async function handler({ detail }: S3ObjectCreatedNotificationEvent): Promise<void> {
  const { PICTURES_BUCKET, MODEL_TURNS } = process.env;
  const { key } = detail.object;
  // The current one, in case that events overtake each other.
  const { Body, Metadata = {} } = await s3.send(new GetObjectCommand({ Bucket: detail.bucket.name, Key: key }));
  const cutout = Buffer.from((await Body?.transformToByteArray()) ?? []);
  const orientation = MODEL_TURNS === 'true' ? 1 : Number(Metadata['source-orientation'] ?? 1);
  const picture = await onWhite(cutout, orientation);
  const name = key.replace(/\.\w+$/, '');
  const files = [
    { Key: `${name}.jpg`, ContentType: 'image/jpeg', Body: await picture.clone().jpeg({ quality: 90 }).toBuffer() },
    { Key: `${name}.webp`, ContentType: 'image/webp', Body: await picture.clone().webp({ quality: 90 }).toBuffer() },
  ];
  for (const file of files) await s3.send(new PutObjectCommand({ Bucket: PICTURES_BUCKET, ...file }));
}

/** @param orientation How the pixels still have to be turned, as EXIF says it: 1 to 8. */
export async function onWhite(cutout: Buffer, orientation: number): Promise<Sharp> {
  // What the result says of its own pixels is right of them.
  const { orientation: own = orientation } = await sharp(cutout).metadata();
  const turn = TURNS[own] ?? ((image: Sharp) => image);
  const subject = sharp(cutout).extract(await subjectOf(cutout));
  return turn(subject).flatten({ background: 'white' });
}

/** Where the subject is. By its opacity: colours may be left beneath what is transparent, and the subject may be white. */
async function subjectOf(cutout: Buffer): Promise<{ left: number; top: number; width: number; height: number }> {
  const alpha = await sharp(cutout).ensureAlpha().extractChannel('alpha').raw().toBuffer({ resolveWithObject: true });
  const { info } = await sharp(alpha.data, { raw: alpha.info })
    .trim({ background: 'black', threshold: 16 })
    .toBuffer({ resolveWithObject: true });
  const { trimOffsetLeft = 0, trimOffsetTop = 0, width, height } = info;
  return { left: -trimOffsetLeft, top: -trimOffsetTop, width, height };
}
