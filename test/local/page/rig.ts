import type { CloudOptions, LocalCloud } from '../../../local/cloud.ts';
import type { Controls, Row } from '../../../local/page/content.ts';
import { Desk } from '../../../local/page/desk.ts';
import { Shortening } from '../../../local/page/shorten.ts';
import { startCloud } from '../../pipeline-rig.ts';
import { until } from '../../until.ts';

/** A local run and what its page shows, without the page. */
export interface Run {
  cloud: LocalCloud;
  desk: Desk;
  shortening: Shortening;
}

/** Starts a local run with short waits; whoever starts it closes its cloud. */
export async function startRun({ settings, ...options }: CloudOptions = {}): Promise<Run> {
  const shortening = new Shortening();
  const cloud = await startCloud({ ...(settings && { settings }), ...options });
  return { cloud, shortening, desk: new Desk(cloud, 'http://127.0.0.1:4280/', { shortening, settings }) };
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
