import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM, startChromium } from '../../../local/page/chromium.ts';
import { PageServer } from '../../../local/page/server.ts';
import { picture } from '../../pictures.ts';
import { until } from '../../until.ts';
import { controlsOf, type Run, rowAfter, rowsOf, startRun } from './rig.ts';

let run: Run;
let server: PageServer;
let browser: Browser | undefined;
beforeAll(async () => {
  run = await startRun({ settings: { pause: true } });
  server = await PageServer.start(run.cloud, { port: 0, shortening: run.shortening });
  if (CHROMIUM !== undefined) browser = await startChromium();
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await run?.cloud.close();
});

/** Of the page's own desk, not of the one that is looked at here. */
async function choose(day: string): Promise<void> {
  await fetch(new URL('/controls', server.url), { method: 'PUT', body: JSON.stringify({ day }) });
}

/** Empties the wallet, and drops an image that fails and another one that waits. */
async function holdBack(name: string, number: number): Promise<void> {
  const { desk, cloud } = run;
  await choose('wallet');
  await rowAfter(run, `${name} fails.png`, await picture(number));
  await cloud.runSchedules();
  desk.upload(`${name} waits.png`, await picture(number + 1));
  await cloud.settled();
}

const wasDelivered = (name: string) =>
  rowsOf(run.desk).some(({ title, status }) => title === name && status === 'SUCCEEDED');

describe('the page of a local run whose uploads are held back', () => {
  it('says why and how many wait, and lets them go on', async () => {
    await holdBack('first', 1);
    expect(controlsOf(run.desk).pause).toMatchObject({ reason: 'InsufficientBalance', waiting: 1 });
    await choose('documented');
    expect((await fetch(new URL('/resume', server.url), { method: 'POST' })).status).toBe(204);
    await until(() => wasDelivered('first waits.png'));
    expect(controlsOf(run.desk).pause).toBeUndefined();
  });

  it.skipIf(CHROMIUM === undefined)('shows it in a browser, with a button', async () => {
    await holdBack('second', 11);
    const page = await browser?.newPage();
    if (page === undefined) throw new Error('There is no browser');
    await page.goto(server.url);
    await page.getByText('Uploads are held back after InsufficientBalance; 1 waiting.').waitFor();
    await choose('documented');
    await page.getByRole('button', { name: 'Let uploads go on', exact: true }).click();
    await page.getByText('Uploads are held back').waitFor({ state: 'hidden' });
    await until(() => wasDelivered('second waits.png'));
  });
});
