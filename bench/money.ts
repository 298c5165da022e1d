import { type Deployment, deploy } from '../local/simulation/deployment.ts';
import { jobPoller } from './alternatives/job-poller.ts';
import { noWorkflow } from './alternatives/no-workflow.ts';
import { sleepingFunction } from './alternatives/sleeping-function.ts';
import { trustingWebhook } from './alternatives/trusting-webhook.ts';
import type { Dollars } from './meters.ts';
import { PRICES_AS_OF } from './prices.ts';
import { ASSUMPTIONS, simulate } from './simulate.ts';
import type { Size } from './size.ts';
import { mean, percentile } from './statistics.ts';
import { printGoal, printTable } from './table.ts';
import { around, mix, type Workload } from './workload.ts';

const DURATIONS = { small: [2], full: [2, 5, 10, 15, 20, 30, 60, 120] };
const IMAGES = { small: 2, full: 200 };
/** Between two uploads: so few that no quota matters. */
const SECONDS_APART = 2;

/** What AWS charges for an image, in US dollars, and what it is charged for. */
interface Measured {
  states: number;
  requests: number;
  dollars: Dollars;
  /** From the job's end to the stored cutout. */
  meanSeconds: number;
  p95Seconds: number;
}

const PARTS = [
  ['transitions', 'Step Functions'],
  ['lambda', 'Lambda'],
  ['s3', 'S3'],
  ['other', 'Events, SQS, DynamoDB, secrets, logs'],
] as const;

/** What an alternative does not do. */
const LOSES = [
  [
    'a) 5 s poller',
    'looks every 5 s however old the job is, at three states and one request each; and if the gateway errs, it fails',
  ],
  ['b) sleeping Lambda', 'jobs over 15 min; after a crash the job is lost, or paid for again; no redrive, no history'],
  ['c) trusting webhook', 'whoever calls the URL chooses what is stored; one lost or early callback loses the image'],
  [
    'd) no workflow',
    'as c), and no retries, redrive or history: a failed delivery is lost, a repeated event is paid again',
  ],
];

/** Money and latency of an image: Cutout's two modes against four other ways to do it, in simulated time. */
export async function run(size: Size): Promise<void> {
  const polling = await deploy();
  const webhook = await deploy({ webhook: true });
  const systems = [
    ...[polling, webhook, jobPoller(polling), sleepingFunction(polling)],
    ...[trustingWebhook(polling), noWorkflow(polling)],
  ];
  const images = IMAGES[size];
  const workloads = [...DURATIONS[size].map((seconds) => around(seconds, images)), mix(images * 5)];
  const rows: { workload: Workload; measured: Measured[] }[] = [];
  for (const workload of workloads) {
    const measured: Measured[] = [];
    for (const system of systems) measured.push(await measure(system, workload));
    rows.push({ workload, measured });
  }
  console.log(`\nAssumed in simulated time: ${ASSUMPTIONS}.`);
  const header = ['Jobs of', ...systems.map(({ name }) => name)];
  const show = (title: string, cell: (measured: Measured) => string) =>
    printTable(
      title,
      header,
      rows.map(({ workload, measured }) => [workload.name, ...measured.map(cell)]),
    );
  show(`AWS, $ per 1,000 images (simulated; ${PRICES_AS_OF}; the gateway takes another $18)`, ({ dollars }) =>
    (dollars.total * 1000).toFixed(3),
  );
  show("From the job's end to the stored cutout, s: mean / 95th percentile (simulated)", (each) =>
    [each.meanSeconds, each.p95Seconds].map((seconds) => seconds.toFixed(1)).join(' / '),
  );
  show('State transitions per image (simulated)', ({ states }) => states.toFixed(1));
  show('Requests to the gateway per image (simulated)', ({ requests }) => requests.toFixed(1));
  printTable(
    'Where the money goes for the mix, $ per 1,000 images (simulated)',
    ['', ...systems.map(({ name }) => name)],
    PARTS.map(([part, name]) => [
      name,
      ...(rows.at(-1)?.measured ?? []).map(({ dollars }) => (dollars[part] * 1000).toFixed(3)),
    ]),
  );
  await printGuards(polling, images);
  printTable('What the alternatives lose', ['', 'Loses'], LOSES);
  printGoals(rows);
}

/** What each guard of the bill adds to what AWS charges for an image whose job ends within the first wait. */
async function printGuards(guarded: Deployment, images: number): Promise<void> {
  const systems: [guards: string, system: Deployment][] = [
    ['none (pause=false)', await deploy({ pause: false })],
    ['the pause (the default)', guarded],
    ['the pause and imagesPerDay', await deploy({ imagesPerDay: 1_000_000 })],
  ];
  const rows: string[][] = [];
  let without: number | undefined;
  for (const [guards, system] of systems) {
    const { dollars } = await measure(system, around(2, images));
    without ??= dollars.total;
    rows.push([guards, ...[dollars.total, dollars.total - without].map((each) => (each * 1000).toFixed(4))]);
  }
  printTable('What the guards of the bill cost, $ per 1,000 images (simulated)', ['Guards', 'AWS', 'more'], rows);
}

async function measure(system: Deployment, { jobSeconds }: Workload): Promise<Measured> {
  const { world, meters, delivered } = await simulate(system, { jobSeconds, secondsApart: SECONDS_APART });
  const count = jobSeconds.length;
  if (delivered.length < count) throw new Error(`${system.name} lost ${count - delivered.length} of ${count} images`);
  const seconds = delivered.map(({ secondsFromEnd }) => secondsFromEnd);
  return {
    states: meters.transitions / count,
    requests: (world.gateway.posts.length + world.gateway.polls.length) / count,
    dollars: meters.dollars(count),
    meanSeconds: mean(seconds),
    p95Seconds: percentile(seconds, 0.95),
  };
}

function printGoals(rows: { workload: Workload; measured: Measured[] }[]): void {
  /** The workloads whose jobs take at most so long, and that miss a goal. */
  const misses = (
    isMet: (polling: Measured, webhook: Measured, poller: Measured) => boolean,
    longest = Number.POSITIVE_INFINITY,
  ) =>
    rows
      .filter(({ workload }) => mean(workload.jobSeconds) < 1.1 * longest)
      .flatMap(({ workload, measured: [polling, webhook, poller] }) =>
        polling && webhook && poller && isMet(polling, webhook, poller) ? [] : workload.name,
      );
  // A submission is a request and two states, a poll is a request and three.
  printGoal(
    'polling enters at most 5 states for a job that ends within the first wait, and 3 more for each further poll',
    // Means of whole numbers: they differ by a whole image's share, or not at all.
    misses(({ states, requests }) => states - 2 - 3 * (requests - 1) < 1e-6),
  );
  printGoal(
    'polling takes at most 5 % more state transitions than a) for jobs of up to a minute',
    misses((polling, _, poller) => polling.states <= 1.05 * poller.states, 60),
  );
  printGoal(
    'polling finds jobs of up to 2 minutes at most 0.5 s later than a) on average',
    misses((polling, _, poller) => polling.meanSeconds <= poller.meanSeconds + 0.5, 120),
  );
  printGoal(
    'webhook enters at most 5 states whatever the duration',
    misses((_, webhook) => webhook.states <= 5),
  );
}
