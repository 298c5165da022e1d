import { type Deployment, deploy } from '../local/simulation/deployment.ts';
import { LARGE_REGIONS, OTHER_REGIONS, type RegionQuotas } from '../local/simulation/quotas.ts';
import { peakPerSecond } from '../local/simulation/rate.ts';
import { simulate } from './simulate.ts';
import type { Size } from './size.ts';
import { printGoal, printTable } from './table.ts';
import { around } from './workload.ts';

const UPLOADS = { small: [5, 10], full: [100, 1_000, 10_000] };
/** What the gateway allows, in requests a second, undefined for any number; its documentation names none. */
const ALLOWED = { small: [20], full: [5, 20, undefined] };
/** In full, over half an hour: 10,000 images at 5 requests/s are 300,000 requests, each sent by the real handlers. */
const REGIONS = {
  small: [{ quotas: LARGE_REGIONS, allowed: ALLOWED.small }],
  full: [
    { quotas: LARGE_REGIONS, allowed: ALLOWED.full },
    { quotas: OTHER_REGIONS, allowed: [undefined] },
  ],
};
/** How long a job takes, give or take 10 %: somewhat longer than half of the mix that `money` assumes. */
const JOB_SECONDS = 15;
/** What such an image asks of the gateway at most: its submission, and looks after 5, 10, 15 and perhaps 20 s, or one. */
const REQUESTS = { polling: 5, webhook: 2 };
/** How much more an image may cost in the largest burst than in the smallest. */
const LINEAR = 1.1;

interface Case {
  uploads: number;
  allowed: number | undefined;
  quotas: RegionQuotas;
  system: Deployment;
}

interface Measured {
  delivered: number;
  submissions: number;
  dollarsEach: number;
  row: (string | number)[];
}

/** Cutout with its defaults, and at the pace that the gateway allows. */
async function systemsFor(allowed: number | undefined): Promise<{ system: Deployment; isPaced: boolean }[]> {
  const systems = [];
  for (const mode of ['polling', 'webhook'] as const) {
    const webhook = mode === 'webhook';
    systems.push({ system: await deploy({ webhook }), isPaced: allowed === undefined });
    if (allowed === undefined) continue;
    const uploadsPerMinute = Math.floor((allowed * 60) / REQUESTS[mode]);
    const paced = await deploy({ webhook, uploadsPerMinute });
    const name = `${paced.name}, uploadsPerMinute=${uploadsPerMinute}`;
    systems.push({ system: { ...paced, name }, isPaced: true });
  }
  return systems;
}

/** All at once: how long it takes, how fast it goes, and whether anything is lost, in simulated time. */
export async function run(size: Size): Promise<void> {
  const misses = { lost: [] as string[], paidTwice: [] as string[], grown: [] as string[] };
  for (const { quotas, allowed: rates } of REGIONS[size]) {
    const rows: Measured['row'][] = [];
    for (const allowed of rates) {
      for (const { system, isPaced } of await systemsFor(allowed)) {
        const measured: Measured[] = [];
        for (const uploads of UPLOADS[size]) {
          const name = `${uploads} of ${system.name} at ${allowed ?? 'any number of'} requests/s in ${quotas.region}`;
          // On stderr, so that tables can be redirected: some of these take minutes.
          console.error(`${name} …`);
          const each = await measure({ uploads, allowed, quotas, system });
          measured.push(each);
          if (each.delivered < uploads) misses.lost.push(`${uploads - each.delivered} of ${name}`);
          if (each.submissions > uploads) misses.paidTwice.push(name);
        }
        const [first, last] = [measured[0], measured.at(-1)];
        if (isPaced && first && last && last.dollarsEach > first.dollarsEach * LINEAR)
          misses.grown.push(`${system.name} at ${allowed ?? 'any number of'} requests/s in ${quotas.region}`);
        rows.push(...measured.map(({ row }) => row));
      }
    }
    const { bucket, refillPerSecond } = quotas.stateTransitions;
    printTable(
      `Uploads at once, jobs of about ${JOB_SECONDS} s (simulated): ${quotas.region}, whose default quotas are ` +
        `${refillPerSecond} transitions/s (bucket ${bucket}), ${quotas.startExecution.refillPerSecond} starts/s ` +
        `(bucket ${quotas.startExecution.bucket}), ${quotas.lambdaConcurrency} functions at once`,
      [
        ...['System', 'Gateway allows', 'Uploads', 'Delivered', 'Last cutout after', 'Submissions/s, peak'],
        ...['Polls/s, peak', 'Refused', 'Transitions/s, peak', 'Functions, peak', '$ per 1,000'],
      ],
      rows,
    );
  }
  printGoal('nothing is lost', misses.lost);
  printGoal('nothing is paid for twice', misses.paidTwice);
  printGoal(
    `an image costs at most ${LINEAR} times as much in the largest burst as in the smallest, where the pace is one that the gateway allows`,
    misses.grown,
  );
}

async function measure({ uploads, allowed, quotas, system }: Case): Promise<Measured> {
  const { jobSeconds } = around(JOB_SECONDS, uploads);
  const work = { jobSeconds, secondsApart: 0, quotas, gatewayPerSecond: allowed };
  const { world, meters, transitions, delivered } = await simulate(system, work);
  const { posts, polls, refused, jobs } = world.gateway;
  const last = delivered.reduce((most, { secondsFromUpload }) => Math.max(most, secondsFromUpload), 0);
  const dollarsEach = meters.dollars(uploads).total;
  return {
    delivered: delivered.length,
    submissions: jobs.length,
    dollarsEach,
    row: [
      ...[system.name, allowed === undefined ? 'all' : `${allowed}/s`, uploads, delivered.length],
      ...[duration(last), peakPerSecond(posts.map(({ at }) => at)), peakPerSecond(polls), refused],
      ...[peakPerSecond(transitions), world.invocations.peak, (dollarsEach * 1000).toFixed(3)],
    ],
  };
}

function duration(seconds: number): string {
  return seconds < 600 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
