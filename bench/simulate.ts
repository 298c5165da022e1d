import type { Deployment } from '../local/simulation/deployment.ts';
import { cutoutOf, picture } from '../local/simulation/pictures.ts';
import type { RegionQuotas } from '../local/simulation/quotas.ts';
import { EVENT_SECONDS, type Pace, World } from '../local/simulation/world.ts';
import { CPU_MS, Meters } from './meters.ts';

/** What a call of AWS takes, and how much more a request to the gateway and a download take, in milliseconds. */
const CALL_MS = { least: 15, most: 45 };
export const PACE = {
  callMs: (random) => CALL_MS.least + (CALL_MS.most - CALL_MS.least) * random,
  integrationMs: CALL_MS.least,
  requestMs: 200,
  downloadMs: 300,
} satisfies Pace;

/** What the times and the billed durations rest on. */
export const ASSUMPTIONS =
  `an event arrives after ${EVENT_SECONDS * 1000} ms, a call of AWS takes ${CALL_MS.least} to ${CALL_MS.most} ms, a request to the gateway ` +
  `${PACE.requestMs} ms more, a download ${PACE.downloadMs} ms more; an invocation has ${CPU_MS} ms of CPU time, and no cold start`;

export interface Work {
  /** How long the removal of each image takes at the gateway. */
  jobSeconds: number[];
  /** From one upload to the next. */
  secondsApart: number;
  /** What AWS allows. @default - as much as is asked for */
  quotas?: RegionQuotas;
  /** Requests that the gateway allows each second; it answers the others with 429. @default - as many as come */
  gatewayPerSecond?: number | undefined;
}

/** A result that was stored. */
export interface Delivered {
  /** From the upload to the stored cutout. */
  secondsFromUpload: number;
  /** From the job's end at the gateway to the stored cutout. */
  secondsFromEnd: number;
}

export interface Simulated {
  world: World;
  meters: Meters;
  /** When states were entered, or tried again, in milliseconds. */
  transitions: number[];
  /** What came of those images that were delivered, and right. */
  delivered: Delivered[];
}

/** Drops images and runs until nothing is left to happen. */
export async function simulate(
  deployment: Deployment,
  { jobSeconds, secondsApart, quotas, gatewayPerSecond: perSecond }: Work,
): Promise<Simulated> {
  const jobs = jobSeconds.map((seconds) => ({ outcome: 'COMPLETED' as const, seconds }));
  const rate = perSecond === undefined ? undefined : { bucket: perSecond, refillPerSecond: perSecond };
  const world = new World(deployment, { pace: PACE, quotas, gateway: { jobs, rate } });
  const meters = new Meters(world);
  const transitions: number[] = [];
  const storedAt = new Map<string, number>();
  world.on('transition', () => transitions.push(world.clock.now));
  world.on('result', (key) => storedAt.set(key, world.clock.now));
  for (const n of jobSeconds.keys()) world.at(n * secondsApart, () => world.upload(`${n}.jpg`, picture(`${n}.jpg`)));
  await world.run();
  return { world, meters, transitions, delivered: deliveredOf(world, deployment, storedAt) };
}

/** Pictures that arrived as cutouts of what was uploaded. */
function deliveredOf(world: World, { resultsBucket }: Deployment, storedAt: Map<string, number>): Delivered[] {
  const endOf = new Map(
    world.gateway.jobs.map(({ imageUrl, endsAt }) => [decodeURIComponent(new URL(imageUrl).pathname.slice(1)), endsAt]),
  );
  return world.uploads.flatMap(({ key, etag, at: uploadedAt }) => {
    const resultKey = `${key}.png`;
    const at = storedAt.get(resultKey);
    if (at === undefined || !world.store.read(resultsBucket, resultKey).body.equals(cutoutOf(etag))) return [];
    const endedAt = endOf.get(key) ?? Number.NaN;
    return [{ secondsFromUpload: (at - uploadedAt) / 1000, secondsFromEnd: (at - endedAt) / 1000 }];
  });
}
