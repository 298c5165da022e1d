import { describe, expect, it } from 'vitest';
import { LARGE_REGIONS, OTHER_REGIONS, type RegionQuotas } from './quotas.ts';
import { Rate } from './rate.ts';
import type { Schedule } from './schedule.ts';
import { polling, resultsBucket } from './stack.ts';
import { World } from './world.ts';

/** How many in regions of either kind; `UPLOADS=10000` for as many in both. Those of the second are past their bucket, too. */
const CASES: { uploads: number; quotas: RegionQuotas }[] = [
  { uploads: Number(process.env.UPLOADS ?? 300), quotas: LARGE_REGIONS },
  { uploads: Number(process.env.UPLOADS ?? 300), quotas: OTHER_REGIONS },
];
/** How long a job of the gateway's takes, as in its documentation. */
const JOB_SECONDS = 15;

const [mapping] = polling.template
  .resources('AWS::Lambda::EventSourceMapping')
  .filter(({ properties }) => JSON.stringify(properties).includes('OnUpload'));
const { BatchSize: batchSize, ScalingConfig: scaling } = mapping?.properties ?? {};

interface Burst {
  world: World;
  submissions: Rate;
  polls: Rate;
  transitions: Rate;
}

async function drop(uploads: number, quotas: RegionQuotas): Promise<Burst> {
  const schedule: Schedule = {
    versioned: true,
    pace: 'brisk',
    luck: 1,
    steps: Array.from({ length: uploads }, (_, n) => ({ at: 0, upload: `${n}.jpg`, content: 'cat' as const })),
    jobs: Array.from({ length: uploads }, () => ({ outcome: 'COMPLETED' as const, seconds: JOB_SECONDS })),
    ...{ events: [], failureEvents: [], submissions: [], polls: [], downloads: [], misfortunes: [], awsFaults: [] },
  };
  const world = new World(schedule, { quotas, latency: () => 20 + 60 * Math.random() });
  await world.run();
  const rate = (times: number[]) => new Rate(times.map((at) => (at - world.clock.startedAt) / 1000));
  return {
    world,
    submissions: rate(world.gateway.posts.map(({ at }) => at)),
    polls: rate(world.gateway.polls),
    transitions: rate(world.transitions),
  };
}

function report(quotas: RegionQuotas, burst: Burst): void {
  const { region, stateTransitions, startExecution, lambdaConcurrency } = quotas;
  const { world, submissions, polls, transitions } = burst;
  const last = Math.max(...world.written.map(({ at }) => at)) - world.clock.startedAt;
  const row = (rate: Rate, quota: string) => ({
    total: rate.total,
    peak: rate.peak,
    mean: Math.round(rate.mean),
    quota,
  });
  const perSecond = ({ bucket, refillPerSecond }: { bucket: number; refillPerSecond: number }) =>
    `${refillPerSecond}, bucket ${bucket}`;
  console.log(
    `${world.uploads.length} uploads at once, ${scaling?.MaximumConcurrency} batches of ${batchSize}, ${region}: last cutout after ${Math.round(last / 1000)} s`,
  );
  console.table({
    'submissions/s': row(submissions, `StartExecution/s: ${perSecond(startExecution)}`),
    'polls/s': row(polls, 'the gateway names none'),
    'state transitions/s': row(transitions, perSecond(stateTransitions)),
    'Lambda concurrency': { peak: world.invocations.peak, quota: String(lambdaConcurrency) },
  });
}

describe('Thousands of uploads at once, in simulated time', { timeout: 600_000 }, () => {
  it.each(CASES)(
    'all $uploads end delivered and paid once under the quotas of $quotas.region',
    async ({ uploads, quotas }) => {
      const burst = await drop(uploads, quotas);
      report(quotas, burst);
      const { world, transitions } = burst;
      const { executions } = world.stepFunctions;
      const delivered = executions.filter(({ output }) => output?.includes('"status":"DELIVERED"'));
      const results = world.uploads.flatMap(({ key }) => world.store.versions(resultsBucket, `${key}.png`));
      // Numbers, because a list of this length takes minutes to be shown, and is made ready to be shown in any case.
      expect({
        executions: executions.length,
        delivered: delivered.length,
        results: results.length,
        paid: world.gateway.jobs.size,
        posts: world.gateway.posts.length,
        deadLetters: world.movedBack,
        leaks: world.leaks.length,
      }).toEqual({
        ...{ executions: uploads, delivered: uploads, results: uploads, paid: uploads, posts: uploads },
        ...{ deadLetters: 0, leaks: 0 },
      });
      expect(world.invocations.peak).toBeLessThanOrEqual(quotas.lambdaConcurrency);
      const { bucket, refillPerSecond } = quotas.stateTransitions;
      expect(transitions.peak).toBeLessThanOrEqual(bucket + refillPerSecond);
    },
  );
});
