import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bundleFunctions } from '../infra/bundle.ts';
import { LocalCloud } from '../local/cloud.ts';
import type { Execution } from '../local/step-functions.ts';

/**
 * Polling against webhook: the same jobs in both modes, in real time on the local services. States are counted,
 * AWS's list prices are applied to them and to assumed durations of the functions, and the time from the job's end to the stored cutout is measured on this machine, not on AWS.
 */
const SECONDS = (process.argv[2] ?? '3,8,15,60').split(',').map(Number);
const CAT = readFileSync(join(import.meta.dirname, '../local/sample/cat.jpg'));

/** When a job ends between two looks at its status is chance: each is measured at several moments, in seconds later. */
const PHASES = [0, 1, 2, 3, 4];

/** AWS's list prices for us-east-1 in US dollars, as of November 2026: check them against AWS's price pages. */
const PRICES = {
  transition: 0.025 / 1_000,
  request: 0.2 / 1_000_000,
  gbSecond: 0.0000133334,
  s3Get: 0.0004 / 1_000,
  s3Put: 0.005 / 1_000,
  sqs: 0.4 / 1_000_000,
  dynamoDbWrite: 0.625 / 1_000_000,
};
/** What a function's invocation takes on AWS: an assumption, in GB-seconds, the same for both modes. */
const GB_SECONDS: Record<string, number> = {
  'on-upload': 0.03,
  submit: 0.25,
  'check-status': 0.08,
  deliver: 0.75,
  'on-callback': 0.03,
};

interface Measured {
  states: number;
  polls: number;
  dollars: number;
  seconds: number;
}

async function measure(cloud: LocalCloud, jobSeconds: number, webhook: boolean): Promise<Measured> {
  const key = `${jobSeconds}.jpg`;
  cloud.s3.put(cloud.uploadsBucket, key, CAT);
  const isOurs = ({ imageUrl }: { imageUrl: string }) => new URL(imageUrl).pathname.endsWith(`/${key}`);
  while (!cloud.gateway.submissions.some(isOurs)) await sleep(5);
  const requestId = cloud.gateway.submissions.find(isOurs)?.requestId ?? '';
  await sleep(jobSeconds * 1000);
  const endedAt = Date.now();
  void cloud.gateway.finish(requestId);
  while (!cloud.s3.get(cloud.resultsBucket, `${key}.png`)) await sleep(5);
  const seconds = (Date.now() - endedAt) / 1000;
  const execution = cloud.stepFunctions.executions.find(({ input }) => JSON.parse(input).key === key);
  while (execution?.status === 'RUNNING') await sleep(5);
  const states = statesOf(execution);
  const polls = states.filter((name) => name === 'Check status').length;
  return { states: states.length, polls, dollars: price(states.length, polls, webhook), seconds };
}

function mean(runs: Measured[]): Measured {
  const of = (field: keyof Measured) => runs.reduce((sum, run) => sum + run[field], 0) / runs.length;
  return { states: of('states'), polls: of('polls'), dollars: of('dollars'), seconds: of('seconds') };
}

function price(states: number, polls: number, webhook: boolean): number {
  const invocations = ['on-upload', 'submit', 'deliver', ...Array<string>(polls).fill('check-status')];
  if (webhook) invocations.push('on-callback');
  const lambda = invocations.reduce((sum, name) => sum + PRICES.request + (GB_SECONDS[name] ?? 0) * PRICES.gbSecond, 0);
  const s3 = 5 * PRICES.s3Get + PRICES.s3Put;
  return states * PRICES.transition + lambda + s3 + 3 * PRICES.sqs + (webhook ? 3 * PRICES.dynamoDbWrite : 0);
}

function statesOf(execution: Execution | undefined): string[] {
  return execution?.history.flatMap(({ stateEnteredEventDetails }) => stateEnteredEventDetails?.name ?? []) ?? [];
}

/** One deployment, warmed up, as functions are on AWS when images keep coming. */
async function startWarm(webhook: boolean): Promise<LocalCloud> {
  const cloud = await LocalCloud.start({ settings: { webhook, expectedSeconds: 10 } });
  cloud.gateway.always({ outcome: 'NEVER' });
  await Promise.all([0, 0.1, 0.2].map((seconds) => measure(cloud, seconds, webhook)));
  return cloud;
}

await bundleFunctions();
const modes = [false, true];
const clouds = await Promise.all(modes.map(startWarm));
const rows: { seconds: number; measured: Measured[] }[] = [];
for (const seconds of SECONDS) {
  const measured = clouds.map(async (cloud, index) => {
    // One after the other, so that they do not compete for this machine.
    const runs = PHASES.map(async (phase) => {
      await sleep(phase * 700);
      return measure(cloud, seconds + phase, modes[index] === true);
    });
    return mean(await Promise.all(runs));
  });
  rows.push({ seconds, measured: await Promise.all(measured) });
}
await Promise.all(clouds.map((cloud) => cloud.close()));

console.log(
  '| Job | States: polling | webhook | AWS per 1,000 images: polling | webhook | Job’s end to cutout: polling | webhook |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- |');
for (const { seconds, measured } of rows) {
  const [polling, webhook] = measured;
  if (!polling || !webhook) continue;
  const dollars = ({ dollars }: Measured) => `$${(dollars * 1000).toFixed(3)}`;
  const time = ({ seconds }: Measured) => `${seconds.toFixed(1)} s`;
  console.log(
    `| ${seconds}–${seconds + 4} s | ${polling.states.toFixed(1)} | ${webhook.states.toFixed(1)} | ${dollars(polling)} | ${dollars(webhook)} | ${time(polling)} | ${time(webhook)} |`,
  );
}
process.exit();
