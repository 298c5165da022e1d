import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import sharp from 'sharp';
import { PRICE_PER_IMAGE_USD } from '../../functions/gateway/model.ts';
import type { LocalCloud } from '../cloud.ts';
import { makePage } from './html.ts';
import { inputOf, Ledger } from './ledger.ts';
import { imagesIn, type Picture, rowOf } from './rows.ts';

/** Longest side of a picture in the page, in pixels. */
const LONGEST_SIDE = 1200;

/**
 * Writes `index.html` into a folder: a row for each image, as the page of a local run shows it, when nobody serves it any
 * more. The pictures are in it, made smaller.
 *
 * @param files The file that each key was uploaded from.
 * @returns its path
 */
export async function writeStill(
  cloud: LocalCloud,
  folder: string,
  files: ReadonlyMap<string, string>,
): Promise<string> {
  const pictures = new Map<string, Picture>();
  const addressOf = (picture: Picture) => {
    const address = JSON.stringify(picture);
    pictures.set(address, picture);
    return address;
  };
  const ledger = new Ledger(cloud.gateway, () => imagesIn(cloud));
  const rows = imagesIn(cloud).map((execution) => {
    const row = rowOf(execution, { cloud, ledger, addressOf });
    const file = files.get(String(inputOf(execution).key));
    // Buckets end with the run: what stays are files.
    const result = row.result && { ...row.result, place: relative('.', join(folder, keyIn(row.result.place))) };
    const error = row.error && { ...row.error, file: undefined };
    return { ...row, ...(file !== undefined && { source: relative('.', file) }), result, error };
  });
  for (const row of rows) {
    row.before = await preview(cloud, pictures.get(row.before ?? ''));
    row.after = await preview(cloud, pictures.get(row.after ?? ''));
  }
  const { html } = await makePage({ madeAt: new Date().toISOString(), rows, pricePerImage: PRICE_PER_IMAGE_USD });
  const path = join(folder, 'index.html');
  writeFileSync(path, html);
  return path;
}

function keyIn(uri: string): string {
  return uri.replace(/^s3:\/\/[^/]+\//, '');
}

/** A picture as a data URL; undefined if there is none, or if it is no picture. */
async function preview(cloud: LocalCloud, picture: Picture | undefined): Promise<string | undefined> {
  const object = picture && cloud.s3.get(picture.bucket, picture.key, picture.versionId);
  if (object === undefined) return undefined;
  const limits = { width: LONGEST_SIDE, height: LONGEST_SIDE, fit: 'inside', withoutEnlargement: true } as const;
  const webp = await sharp(object.body)
    .autoOrient()
    .resize(limits)
    .webp({ quality: 84 })
    .toBuffer()
    .catch(() => undefined);
  return webp && `data:image/webp;base64,${webp.toString('base64')}`;
}
