import { onTestFinished } from 'vitest';
import type { CloudOptions, LocalCloud } from '../../../local/cloud.ts';
import type { Controls, Row } from '../../../local/page/content.ts';
import { Desk } from '../../../local/page/desk.ts';
import { PageServer } from '../../../local/page/server.ts';
import { Shortening } from '../../../local/page/shorten.ts';
import { startCloud } from '../../pipeline-rig.ts';
import { until } from '../../until.ts';

/** A local run and what its page shows, without the page. */
export interface Run {
  cloud: LocalCloud;
  desk: Desk;
  shortening: Shortening;
}

/** Starts a local run with short waits, for one test. */
export async function startRun({ settings, ...options }: CloudOptions = {}): Promise<Run> {
  const shortening = new Shortening();
  const cloud = await startCloud({ ...(settings && { settings }), ...options });
  onTestFinished(() => cloud.close());
  return { cloud, shortening, desk: new Desk(cloud, 'http://127.0.0.1:4280/', { shortening, settings }) };
}

/** Starts a local run with its page, on any port. */
export async function startPage(options: CloudOptions = {}): Promise<{ cloud: LocalCloud; page: PageServer }> {
  const cloud = await startCloud(options);
  const page = await PageServer.start(cloud, { port: 0, shortening: new Shortening(), settings: options.settings });
  onTestFinished(async () => {
    await page.close();
    await cloud.close();
  });
  return { cloud, page };
}

export function rowsOf(desk: Desk): Row[] {
  return desk.look().flatMap(({ event, content }) => (event === 'row' ? [content as Row] : []));
}

export function controlsOf(desk: Desk): Controls {
  return desk.look().find(({ event }) => event === 'controls')?.content as Controls;
}

/** Uploads a picture and waits until its row says how it has ended, error file included. */
export async function rowAfter({ cloud, desk }: Run, name: string, body: Buffer): Promise<Row> {
  const before = rowsOf(desk).length;
  desk.upload(name, body);
  await until(() => rowsOf(desk).length > before || undefined);
  await cloud.settled();
  return rowsOf(desk)[before] as Row;
}

/** How many submissions were sent, and how many are paid. */
export function countOf({ submissions }: Row): { sent: number; paid: number } {
  return { sent: submissions.length, paid: submissions.filter(({ isPaid }) => isPaid).length };
}
