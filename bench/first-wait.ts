import { waitSeconds } from '../functions/gateway/polling.ts';
import { PRICES } from './prices.ts';
import type { Size } from './size.ts';
import { mean, percentile } from './statistics.ts';
import { printTable } from './table.ts';
import { around, mix } from './workload.ts';

/** How long to wait before the first look at a job, from the durations of those that have ended so far. */
interface Policy {
  name: string;
  firstWait: (past: number[]) => number;
  /** What an image costs more for it, in US dollars. */
  dollars: number;
}

/** How many jobs a moving percentile looks back upon, and how long it waits before it has seen as many. */
const WINDOW = 100;
const UNKNOWN_SECONDS = 5;
/** Each image would read what was learned when it is submitted, and write its own duration when it is delivered. */
const LEARNING_DOLLARS = PRICES.dynamoDbRead + PRICES.dynamoDbWrite;
/** A further poll: a retry and an invocation of Check status, some 200 ms of 256 MB. */
const POLL_DOLLARS = PRICES.transition + PRICES.request + 0.05 * PRICES.gbSecond;

const POLICIES: Policy[] = [
  ...[5, 10, 15, 20].map((seconds) => ({ name: `fixed ${seconds} s`, firstWait: () => seconds, dollars: 0 })),
  ...[0.5, 0.8, 0.95].map((share) => ({
    name: `moving ${share * 100}th percentile`,
    firstWait: (past: number[]) => (past.length < WINDOW ? UNKNOWN_SECONDS : Math.ceil(percentile(past, share))),
    dollars: LEARNING_DOLLARS,
  })),
];

/**
 * Could the first wait learn from past jobs? Replays jobs with each policy for the first wait; later waits are those of
 * Check status. Learned durations are exact, as the gateway's `completed_at` would tell, and known at once.
 */
export function compareFirstWaits(size: Size): void {
  const count = size === 'small' ? 300 : 20_000;
  const workloads = [
    mix(count),
    { ...around(3, count), name: 'all about 3 s' },
    { ...around(40, count), name: 'all about 40 s' },
    // The gateway has slow hours.
    {
      name: 'mix, four times slower for a while',
      jobSeconds: [...mix(count / 2).jobSeconds, ...mix(count / 2, 48).jobSeconds],
    },
  ];
  const rows = workloads.flatMap(({ name, jobSeconds }) =>
    POLICIES.map((policy) => {
      const { polls, dollars, seconds } = replay(jobSeconds, policy);
      const [average, p95] = [mean(seconds), percentile(seconds, 0.95)].map((each) => each.toFixed(1));
      return [name, policy.name, polls.toFixed(2), (dollars * 1000).toFixed(3), `${average} / ${p95}`];
    }),
  );
  printTable(
    'The first wait, fixed or learned (simulated)',
    [
      'Jobs',
      'First wait',
      'Polls',
      '$ per 1,000 for further polls and learning',
      "Job's end to its discovery, s: mean / p95",
    ],
    rows,
  );
}

/** What a policy comes to, for each image, if the jobs are submitted one after the other. */
export function replay(
  jobSeconds: number[],
  { firstWait, dollars: learning }: Omit<Policy, 'name'>,
): { polls: number; dollars: number; seconds: number[] } {
  const past: number[] = [];
  let polls = 0;
  const seconds = jobSeconds.map((duration) => {
    let age = firstWait(past);
    polls++;
    for (; age < duration; polls++) age += waitSeconds({ ageSeconds: age, remainingSeconds: Number.POSITIVE_INFINITY });
    past.push(duration);
    if (past.length > WINDOW) past.shift();
    return age - duration;
  });
  const count = jobSeconds.length;
  return { polls: polls / count, dollars: (polls / count - 1) * POLL_DOLLARS + learning, seconds };
}
