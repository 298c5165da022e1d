import assert from 'node:assert/strict';
import type { BackfillInput, BackfillReport } from '../../../functions/backfill/contract.ts';
import type { Case } from '../case.ts';
import type { Execution } from '../target/executions.ts';
import type { Trial } from '../trial.ts';
import { delivered, madeFrom, paid } from './check.ts';
import { picture } from './pictures.ts';

/** What a whole backfill may take, in milliseconds. */
const PATIENCE_MS = 20 * 60_000;
/** Uploads at once, and so what a person's network must bear. */
const AT_ONCE = 25;

/** Runs a backfill of what this case has uploaded. */
function backfill(trial: Trial, name: string, input: Omit<BackfillInput, 'prefix'>): Promise<Execution> {
  const whole = { prefix: `${trial.token}/`, ...input };
  return trial.run(trial.places('Main').backfillArn, name, whole, PATIENCE_MS);
}

function reportOf(execution: Execution): BackfillReport {
  assert.equal(execution.status, 'SUCCEEDED', `It ended ${execution.status}: ${execution.error}: ${execution.cause}`);
  return JSON.parse(execution.output ?? '{}');
}

/** Uploads so many images, and deletes their cutouts once they are there: what a backfill then makes anew. */
async function withoutResults(trial: Trial, count: number): Promise<Buffer[]> {
  const images = await Promise.all(Array.from({ length: count }, () => picture()));
  const { results } = trial.places('Main');
  for (let from = 0; from < count; from += AT_ONCE) {
    const some = images.slice(from, from + AT_ONCE);
    const uploads = await Promise.all(some.map((image, index) => trial.upload('Main', `${from + index}.png`, image)));
    for (const upload of uploads) {
      const [{ key }] = delivered(await trial.ended(upload, PATIENCE_MS));
      await trial.target.objects.delete(results, key);
    }
  }
  await paid(trial, count);
  return images;
}

async function nothing(trial: Trial): Promise<string> {
  const dry = reportOf(await backfill(trial, 'dry', { dryRun: true }));
  const real = reportOf(await backfill(trial, 'real', {}));
  assert.deepEqual([dry.images, real.images], [0, 0]);
  return 'a Map Run over no object succeeds';
}

async function one(trial: Trial): Promise<void> {
  const [image = Buffer.alloc(0)] = await withoutResults(trial, 1);
  const dry = reportOf(await backfill(trial, 'dry', { dryRun: true }));
  assert.deepEqual([dry.status, dry.images], ['DRY_RUN', 1]);
  await paid(trial, 1);
  const real = reportOf(await backfill(trial, 'real', {}));
  assert.deepEqual([real.images, real.delivered], [1, 1]);
  await paid(trial, 2);
  const { results } = trial.places('Main');
  const result = { bucket: results, key: `${trial.token}/0.png.png`, contentType: 'image/png', bytes: 0 };
  await madeFrom(trial, result, image);
}

async function many(trial: Trial): Promise<string> {
  const count = 250;
  await withoutResults(trial, count);
  const real = reportOf(await backfill(trial, 'real', { maxConcurrency: 100 }));
  assert.deepEqual([real.images, real.delivered], [count, count]);
  await paid(trial, 2 * count);
  const again = reportOf(await backfill(trial, 'again', {}));
  assert.deepEqual([again.images, again.skipped.hasResult], [0, count]);
  return `${count} uploads, each paid once, and once more in the backfill`;
}

async function failedMapRun(trial: Trial): Promise<string> {
  await withoutResults(trial, 2);
  await trial.gateway({ outcomes: ['COMPLETED', 'COMPLETED', 'FAILED', 'FAILED'] });
  const execution = await backfill(trial, 'failing', { toleratedFailurePercentage: 0 });
  assert.equal(execution.status, 'FAILED');
  assert.equal(execution.error, 'TooManyFailures', execution.cause);
  // Of two under way, the failure of one stops the other.
  const counts = /2 images without a result: (0 delivered; .* ([12]) RemovalFailed.* failed)\. Stopped/;
  const [, told] = counts.exec(execution.cause ?? '') ?? [];
  assert.ok(told, `Its results are not counted: ${execution.cause}`);
  return `a Map Run whose images fail still leaves their results: ${told}`;
}

const GROUP = 'backfills of Main';

/** Backfills, whose Distributed Maps run nowhere but on AWS as they are. */
export const BACKFILL: Case[] = [
  { name: 'A backfill of nothing succeeds', quick: true, group: GROUP, run: nothing },
  { name: 'A backfill of one image counts it first, then submits it', group: GROUP, run: one },
  { name: 'A backfill with too many failures stops, and says so', group: GROUP, run: failedMapRun },
  { name: 'A backfill of 250 images submits each once', group: GROUP, run: many },
];
