import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalCloud } from '../local/cloud.ts';
import { attribute, OWNERS } from './local/attribution.ts';
import { Profiler } from './local/profile.ts';
import type { Size } from './size.ts';
import { printTable } from './table.ts';

const CAT = readFileSync(join(import.meta.dirname, '../local/sample/cat.jpg'));
const IMAGES = { small: 1, full: 300 };
/** Before it is measured, so that bundles are loaded and their code is compiled. */
const WARM_UP = { small: 1, full: 60 };
const HOTTEST = 12;

/** Images per second through the whole pipeline on this machine, and where the time goes. */
export async function run(size: Size): Promise<void> {
  const measured = await measure(IMAGES[size], WARM_UP[size]);
  const { spent: profiled } = await measure(IMAGES[size], WARM_UP[size], new Profiler());
  const perImage = (ms: number) => (ms / IMAGES[size]).toFixed(2);
  printTable(
    `${IMAGES[size]} images at once through the local run, all waits left out (measured on this machine)`,
    ['', ''],
    [
      ['images per second', (IMAGES[size] / measured.seconds).toFixed(1)],
      ['CPU, ms per image', perImage(measured.cpuMs)],
    ],
  );
  const sampled = profiled.reduce((sum, { ms }) => sum + ms, 0);
  const share = (ms: number) => `${((ms / sampled) * 100).toFixed(1)} %`;
  printTable(
    'Whose work the JavaScript is (sampled; threads that run none, such as those of sharp, are not)',
    ['', 'Share'],
    OWNERS.map((owner) => {
      const ms = profiled.filter((each) => each.owner === owner).reduce((sum, each) => sum + each.ms, 0);
      return [owner, share(ms)];
    }),
  );
  printTable(
    'The hottest places',
    ['Place', 'Whose', 'Share'],
    profiled.slice(0, HOTTEST).map(({ place, owner, ms }) => [place, owner, share(ms)]),
  );
}

async function measure(
  images: number,
  warmUp: number,
  profiler?: Profiler,
): Promise<{ seconds: number; cpuMs: number; spent: ReturnType<typeof attribute> }> {
  await profiler?.attach();
  const cloud = await LocalCloud.start({ waitMs: 0, gateway: { durationMs: 0 } });
  try {
    await dropAndWait(cloud, 'warm-up', warmUp);
    await profiler?.start();
    const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
    await dropAndWait(cloud, 'image', images);
    const seconds = (performance.now() - startedAt) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const spent = attribute((await profiler?.stop()) ?? []);
    return { seconds, cpuMs: (user + system) / 1000, spent };
  } finally {
    await cloud.close();
  }
}

/** Drops images and waits for their cutouts. */
async function dropAndWait(cloud: LocalCloud, name: string, count: number): Promise<void> {
  const keys = Array.from({ length: count }, (_, n) => `${name}-${n}.jpg`);
  for (const key of keys) cloud.s3.put(cloud.uploadsBucket, key, CAT);
  while (cloud.stepFunctions.executions.filter(({ name: of }) => of.startsWith(name)).length < count) await sleep(5);
  await cloud.settled();
  const missing = keys.filter((key) => cloud.s3.get(cloud.resultsBucket, `${key}.png`) === undefined);
  if (missing.length > 0) throw new Error(`${missing.length} of ${count} images were not delivered`);
}
