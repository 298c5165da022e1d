import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Locator, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { LocalCloud } from '../../../local/cloud.ts';
import { CHROMIUM, startChromium } from '../../../local/page/chromium.ts';
import { PageServer } from '../../../local/page/server.ts';
import { Shortening } from '../../../local/page/shorten.ts';
import { writeStill } from '../../../local/page/still.ts';
import { CAT } from '../../pictures.ts';
import { startCloud } from '../../pipeline-rig.ts';

if (CHROMIUM === undefined)
  console.log('SKIPPED the page in a browser: there is no chromium (apt-get install chromium)');

/** A picture of its own making: a red disc on white. */
const DISC = await sharp(
  Buffer.from(
    '<svg width="90" height="60"><rect width="90" height="60" fill="#fff"/><circle cx="45" cy="30" r="20" fill="#d22"/></svg>',
  ),
)
  .png()
  .toBuffer();

let cloud: LocalCloud;
let server: PageServer;
let browser: Browser;
let page: Page;
/** What goes wrong in the page, its own policy included. */
let problems: string[] = [];

describe.skipIf(CHROMIUM === undefined)('the page in a browser', () => {
  beforeAll(async () => {
    cloud = await startCloud();
    server = await PageServer.start(cloud, { port: 0, shortening: new Shortening() });
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await cloud?.close();
  });
  beforeEach(async () => {
    page = await open(server.url);
  });
  afterEach(async () => {
    await page.close();
    expect(problems).toEqual([]);
  });

  it('takes a dropped file, and shows the cutout that is in the results bucket', async () => {
    await drop('disc.png', DISC);
    const row = rowOf('disc.png');
    await row.getByText(/^Delivered in/).waitFor();
    await row.getByText('1 sent, 1 paid').waitFor();
    const shown = await row.locator('img.after').evaluate(async (image) => {
      await image.decode();
      const bytes = await (await fetch(image.currentSrc)).arrayBuffer();
      return { width: image.naturalWidth, height: image.naturalHeight, bytes: [...new Uint8Array(bytes)] };
    });
    expect(shown).toMatchObject({ width: 90, height: 60 });
    expect(Buffer.from(shown.bytes)).toEqual(cloud.s3.get(cloud.resultsBucket, 'disc.png.png')?.body);
    const { data } = await sharp(Buffer.from(shown.bytes)).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
    expect([data[3], data[(30 * 90 + 45) * 4 + 3]], 'alpha at the corner, and at the middle').toEqual([0, 255]);
  });

  it('can be used by the keyboard alone', async () => {
    await tabTo(page.getByRole('button', { name: 'cat.jpg' }));
    await page.keyboard.press('Enter');
    const row = rowOf('cat.jpg');
    await row.getByText(/^Delivered in/).waitFor();
    const slider = row.getByRole('slider', { name: 'cat.jpg: before and after' });
    await tabTo(slider);
    const split = () => styleOf(row.locator('.before'), 'clipPath');
    const before = await split();
    await page.keyboard.press('ArrowLeft');
    expect(await split()).not.toBe(before);
    await tabTo(row.getByRole('button', { name: /Check status/ }).first());
    await page.keyboard.press('Enter');
    await expectText(row.getByLabel('Input').first(), /"requestId": "bria-/);
    await expectText(row.getByLabel('Output').first(), /"status": "(QUEUED|PROCESSING|COMPLETED)"/);
    expect(await styleOf(page.locator(':focus'), 'outlineStyle')).toBe('solid');
  });

  it('shows a bad day, and redrives what it has failed', async () => {
    await page.getByRole('combobox', { name: 'Gateway' }).selectOption('Empty wallet');
    await page.getByText('Submissions are refused until').waitFor();
    await drop('poor.png', DISC);
    const row = rowOf('poor.png');
    await row.getByText('Top up the gateway').waitFor();
    await row.getByText('1 sent, 0 paid').waitFor();
    await row.getByText(/poor\.png\.error\.json$/).waitFor();
    await row.getByText('still set to “Empty wallet”').waitFor();
    await page.getByRole('combobox', { name: 'Gateway' }).selectOption('As documented');
    await row.getByText('still set to').waitFor({ state: 'detached' });
    await row.getByRole('button', { name: 'Redrive' }).click();
    await row.getByText(/^Delivered in/).waitFor();
    await row.getByText('2 sent, 1 paid').waitFor();
    await row.getByText('Redriven: goes on where it failed').waitFor();
    await expectText(page.getByRole('status'), 'poor.png: Delivered');
  });

  it('shows in two windows the same, also what is chosen in one', async () => {
    const other = await open(server.url);
    onTestFinished(() => other.close());
    await page.getByRole('checkbox', { name: 'Shorten long waits' }).uncheck();
    await other.waitForFunction('!document.getElementById("shorten").checked');
    expect(await other.getByRole('article').count()).toBe(await page.getByRole('article').count());
    await other.getByRole('checkbox', { name: 'Shorten long waits' }).check();
    await page.waitForFunction('document.getElementById("shorten").checked');
  });

  it('says when the run has ended, and shows the next one', async () => {
    const options = { port: 0, shortening: new Shortening() };
    const first = await PageServer.start(cloud, options);
    const window = await open(first.url);
    onTestFinished(() => window.close());
    await window.getByRole('article').first().waitFor();
    await first.close();
    await window.getByText('The local run does not answer.').waitFor();
    const second = await PageServer.start(cloud, { ...options, port: Number(new URL(first.url).port) });
    onTestFinished(() => second.close());
    await window.getByText('The local run does not answer.').waitFor({ state: 'hidden' });
    await window.getByRole('article').first().waitFor();
    // That nobody answered is in the console, too.
    problems = problems.filter((problem) => !problem.includes('ERR_'));
  });

  it('is dark where dark is wished for, and fits a narrow window', async () => {
    const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await ground()).not.toBe(light);
    await page.setViewportSize({ width: 360, height: 800 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
  });

  it('is also what npm start writes, in one file that nobody serves', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cutout-still-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    cloud.s3.put(cloud.uploadsBucket, '2/still.jpg', CAT);
    cloud.s3.put(cloud.uploadsBucket, '2/notes.txt', Buffer.from('</script><b>no picture</b>'));
    await cloud.settled();
    const files = new Map(['still.jpg', 'notes.txt'].map((name) => [`2/${name}`, join(folder, name)]));
    for (const file of files.values()) writeFileSync(file, '');
    const still = await open(pathToFileURL(await writeStill(cloud, folder, files)).href);
    const row = still.getByRole('article', { name: 'still.jpg' });
    await row.getByText('1 sent, 1 paid').waitFor();
    expect(await row.getByText('s3://').count()).toBe(0);
    for (const image of await row.locator('img').all()) {
      expect(await image.evaluate((each) => each.decode().then(() => each.naturalWidth))).toBeGreaterThan(0);
    }
    await still.getByRole('article', { name: 'notes.txt' }).getByText('is not an image by its first bytes').waitFor();
    expect(await still.getByRole('button', { name: 'Redrive' }).count()).toBe(0);
    expect(await still.getByRole('combobox').count()).toBe(0);
  });
});

async function open(url: string): Promise<Page> {
  const opened = await browser.newPage();
  problems = [];
  opened.on('pageerror', ({ message }) => problems.push(message));
  opened.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await opened.goto(url);
  return opened;
}

function rowOf(name: string): Locator {
  return page.getByRole('article', { name, exact: true }).first();
}

/** Drops a file on the page, as a hand does from its desktop. */
async function drop(name: string, bytes: Buffer): Promise<void> {
  const data = await page.evaluateHandle(`(() => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(${JSON.stringify([...bytes])})], ${JSON.stringify(name)}));
    return data;
  })()`);
  await page.dispatchEvent('body', 'drop', { dataTransfer: data });
}

function styleOf(element: Locator, property: string): Promise<string> {
  return element.evaluate((each, name) => each.ownerDocument.defaultView.getComputedStyle(each)[name], property);
}

async function tabTo(target: Locator): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    await page.keyboard.press('Tab');
    if (await target.evaluate((element) => element === element.ownerDocument.activeElement)) return;
  }
  throw new Error('It cannot be reached by Tab');
}

async function expectText(element: Locator, text: string | RegExp): Promise<void> {
  expect(await element.textContent()).toMatch(text);
}
