import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { LocalCloud } from '../local/cloud.ts';
import { startChromium } from '../local/page/chromium.ts';
import { PageServer } from '../local/page/server.ts';
import { Shortening } from '../local/page/shorten.ts';

/*
 * Makes the pictures in README anew, by what they show: the samples before and after, and the page of a local run. Takes
 * half a minute, for nothing is hurried but the long waits.
 */

const IMAGES = join(import.meta.dirname, 'images');
const SAMPLES = join(import.meta.dirname, '../local/sample');
/** Of a picture that is compared, in pixels. */
const HEIGHT = 300;
const GAP = 12;
const PAGE = { width: 1120, height: 1000 };
const CHECKERBOARD = Buffer.from(
  `<svg width="24" height="24"><rect width="24" height="24" fill="#fff"/><path d="M0 0h12v24h12v-12H0z" fill="#e2e2e2"/></svg>`,
);

const samples = readdirSync(SAMPLES).filter((name) => /\.(jpe?g|png|webp)$/.test(name));
const shortening = new Shortening();
const cloud = await LocalCloud.start({ shorten: shortening.shorten });
const page = await PageServer.start(cloud, { port: 0, shortening });
const browser = await startChromium();
try {
  mkdirSync(IMAGES, { recursive: true });
  save('page.png', await picturePage(browser));
  save('before-after.webp', await pictureSamples());
} finally {
  await browser.close();
  await page.close();
  await cloud.close();
}

/** The page, once every sample has been delivered, the last one on a bad day. */
async function picturePage(browser: Browser): Promise<Buffer> {
  const window = await browser.newPage({ viewport: PAGE, deviceScaleFactor: 1.5, colorScheme: 'light' });
  await window.goto(page.url);
  const buttons = window.locator('.sample');
  const rows = window.getByRole('article');
  await buttons.last().waitFor();
  for (const [index, name] of samples.entries()) {
    if (index === samples.length - 1) await window.getByRole('combobox').selectOption('busy');
    await buttons.filter({ hasText: name }).click();
    await rows.nth(index).waitFor();
  }
  await window.mouse.move(0, 0);
  for (const row of await rows.all()) await row.locator('.both').waitFor({ timeout: 120_000 });
  const { y = 0, height = 0 } = (await rows.first().boundingBox()) ?? {};
  const clip = { x: 0, y: 0, width: PAGE.width, height: y + height + 16 };
  return sharp(await window.screenshot({ clip, fullPage: true }))
    .png({ palette: true, quality: 90, effort: 10 })
    .toBuffer();
}

/** The samples and their cutouts, side by side. */
async function pictureSamples(): Promise<Buffer> {
  const pictures: Buffer[] = [];
  for (const name of samples) {
    const after = cloud.s3.get(cloud.resultsBucket, cloud.s3.list(cloud.resultsBucket, name)[0] ?? '')?.body;
    if (after === undefined) throw new Error(`There is no cutout of ${name}`);
    const small = (image: Buffer) => sharp(image).autoOrient().resize({ height: HEIGHT }).png().toBuffer();
    const cutout = await small(after);
    const { width } = await sharp(cutout).metadata();
    const board = sharp({ create: { width, height: HEIGHT, channels: 3, background: '#fff' } });
    const layers = [{ input: CHECKERBOARD, tile: true }, { input: cutout }];
    pictures.push(await small(readFileSync(join(SAMPLES, name))), await board.composite(layers).png().toBuffer());
  }
  let left = 0;
  const placed = [];
  for (const input of pictures) {
    placed.push({ input, left, top: 0 });
    left += (await sharp(input).metadata()).width + GAP;
  }
  const ground = { width: left - GAP, height: HEIGHT, channels: 4, background: '#0000' } as const;
  return sharp({ create: ground }).composite(placed).webp({ quality: 88 }).toBuffer();
}

function save(name: string, picture: Buffer): void {
  const path = join(IMAGES, name);
  writeFileSync(path, picture);
  console.log(`${relative('.', path)} (${(statSync(path).size / 1000).toFixed(0)} kB)`);
}
