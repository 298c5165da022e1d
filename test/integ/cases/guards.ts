import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Case } from '../case.ts';
import { IMAGES_PER_DAY, STACK_NAME } from '../stack-name.ts';
import type { Execution } from '../target/executions.ts';
import type { Trial, Upload } from '../trial.ts';
import { delivered, failedWith, madeFrom, paid } from './check.ts';
import { GUARDED, onNewDay } from './new-day.ts';
import { picture } from './pictures.ts';
import { says } from './says.ts';

/** From one look of keep-pause to the next, and what Lambda takes to change an event source mapping; in milliseconds. */
const SCHEDULE_MS = 8 * 60_000;
/** The same twice: a change that comes while another one is under way is made at the next look. */
const TWICE_MS = 2 * SCHEDULE_MS;
/** What a case that counts a day's submissions may take, in milliseconds. */
const COUNTING_MS = 5 * 60_000;
const DAY_MS = 24 * 3_600_000;
/** More refusals than a case can see: the wallet stays empty until it is said to be full. */
const EMPTY_WALLET = { submits: Array(200).fill({ status: 402 }) };

interface Guarded {
  /** Of each upload, its image. */
  images: [Buffer, Buffer];
  /** It failed for want of money. */
  first: Upload;
  refused: Execution;
  /** It came during the pause. */
  second: Upload;
}

/** Empties the wallet: one upload fails, and the next one waits. */
async function emptyTheWallet(trial: Trial): Promise<Guarded> {
  const images: [Buffer, Buffer] = [await picture(), await picture()];
  await trial.gateway(EMPTY_WALLET);
  const first = await trial.upload('Guarded', 'first.png', images[0]);
  const refused = await trial.ended(first);
  failedWith(refused, 'InsufficientBalance');
  assert.equal((await trial.errorFile(first)).error, 'InsufficientBalance');
  const second = await trial.upload('Guarded', 'second.png', images[1]);
  await waits(trial, second, 1);
  await saysPaused(trial, 'InsufficientBalance');
  return { images, first, refused, second };
}

/** An upload must be in the queue, and nothing must have come of it: so many executions are those of others. */
async function waits(trial: Trial, upload: Upload, others: number): Promise<void> {
  const { queueUrl, results, stateMachineArn } = trial.places('Guarded');
  await trial.until('the upload to wait', async () => (await trial.target.messagesIn(queueUrl)) > 0 || undefined);
  const started = await trial.target.executions.named(stateMachineArn, trial.token);
  assert.equal(started.length, others, 'Executions of what does not wait');
  assert.deepEqual(
    await trial.target.objects.list(results, trial.resultKey(upload)),
    [],
    'Nothing comes of what waits',
  );
}

/** npm run failures must begin with the pause. How many wait, SQS knows about; that something does has been seen before. */
async function saysPaused(trial: Trial, reason: string): Promise<void> {
  const said = await trial.target.command('failures', '--since', '2h');
  const resume = `npm run resume -- --stack ${STACK_NAME}`;
  says(said, new RegExp(`^Paused since \\S+: ${reason}, \\d+ waiting\\. .*\\nTo let them go on: ${resume}\\n`));
}

/** Whether uploads are held back must be said by nothing any more. */
async function saysNotPaused(trial: Trial): Promise<void> {
  const said = await trial.target.command('failures', '--since', '2h');
  says(said, /failed since/);
  assert.doesNotMatch(said.output, /Paused/);
}

async function deliveredFrom(trial: Trial, execution: Execution, image: Buffer): Promise<void> {
  const [result] = delivered(execution);
  await madeFrom(trial, result, image);
}

/** Both images must have come, each paid once, without a trace of the failure. */
async function bothOnce(trial: Trial, { first }: Guarded): Promise<void> {
  await paid(trial, 2);
  const key = trial.resultKey(first);
  const left = await trial.target.objects.list(trial.places('Guarded').results, key);
  assert.deepEqual(left, [`${key}.png`], 'The error file goes when the image is delivered');
  await saysNotPaused(trial);
}

async function resumed(trial: Trial): Promise<string> {
  const guarded = await emptyTheWallet(trial);
  const { images, refused, second } = guarded;
  const { executionArn = '' } = refused;
  await trial.target.platform.runSchedules();
  const seconds = await disabled(trial);
  await trial.until('the probe', async () => (await trial.target.gateway.submissions(trial.token)) > 1 || undefined);
  failedWith(await trial.endOf(executionArn), 'InsufficientBalance');
  await waits(trial, second, 1);
  await paid(trial, 0);

  await trial.gateway({});
  const resume = await trial.target.command('resume');
  says(resume, /^Paused since \S+: InsufficientBalance, \d+ waiting\. .*\nUploads go on/);
  await deliveredFrom(trial, await trial.ended(second, TWICE_MS), images[1]);
  await paid(trial, 1);
  const redrive = ['redrive', '--error', 'InsufficientBalance', '--since', '2h', '--go'] as const;
  says(await trial.target.command(...redrive), /\b1 redriven\./);
  await deliveredFrom(trial, await trial.endOf(executionArn), images[0]);
  await bothOnce(trial, guarded);
  return `Lambda took some ${Math.round(seconds)} s to disable the event source mapping`;
}

async function probed(trial: Trial): Promise<void> {
  const guarded = await emptyTheWallet(trial);
  const { images, refused, second } = guarded;
  await trial.gateway({});
  await trial.target.platform.runSchedules();
  const accepted = async () => {
    const execution = await trial.target.executions.find(refused.executionArn ?? '');
    return execution?.status === 'SUCCEEDED' ? execution : undefined;
  };
  await deliveredFrom(trial, await trial.until('the probe to be accepted', accepted, SCHEDULE_MS), images[0]);
  // At once, and not only when the next look finds nothing left to redrive.
  await saysNotPaused(trial);
  await deliveredFrom(trial, await trial.ended(second, TWICE_MS), images[1]);
  assert.match((await trial.target.guards.intake()) ?? '', /^(Enabled|Enabling)$/);
  await bothOnce(trial, guarded);
}

/** Waits until uploads are not taken from their queue any more. @returns how long Lambda took for it, in seconds */
async function disabled(trial: Trial): Promise<number> {
  let since = Date.now();
  const look = async () => {
    const state = await trial.target.guards.intake();
    if (state === 'Enabled') since = Date.now();
    return state === 'Disabled' || undefined;
  };
  await trial.until('keep-pause to disable the event source mapping', look, SCHEDULE_MS);
  return (Date.now() - since) / 1000;
}

async function limited(trial: Trial): Promise<string> {
  const left = DAY_MS - (Date.now() % DAY_MS);
  if (left < COUNTING_MS) await sleep(left + 1_000);
  const { stateMachineArn } = trial.places('Guarded');
  const images = await Promise.all(Array.from({ length: IMAGES_PER_DAY + 1 }, () => picture()));
  const uploads = await Promise.all(images.map((image, index) => trial.upload('Guarded', `${index}.png`, image)));
  const ends = await Promise.all(uploads.map((upload) => trial.ended(upload)));
  const over = ends.findIndex(({ status }) => status !== 'SUCCEEDED');
  const [upload, execution] = [uploads[over], ends[over]];
  assert.ok(upload && execution, 'All were delivered');
  failedWith(execution, 'DailyLimitReached');
  assert.equal((await trial.errorFile(upload)).error, 'DailyLimitReached');
  // No upload, which would wait: the limit holds for whoever starts an execution.
  const imageUrl = await trial.target.gateway.photo(trial.token, 'photo.png', await picture());
  const called = await trial.run(stateMachineArn, 'called', { imageUrl, resultKey: `${trial.token}/called` });
  failedWith(called, 'DailyLimitReached');
  await onlyTheLimit(trial);
  const late = await trial.upload('Guarded', 'late.png', await picture());
  await waits(trial, late, uploads.length + 1);
  await saysPaused(trial, 'DailyLimitReached');
  await onlyTheLimit(trial);

  await trial.target.guards.forgetToday();
  says(await trial.target.command('resume', '--go'), /^Paused since .*\nUploads go on.*\b2 redriven\./s);
  for (const { executionArn = '' } of [execution, called]) delivered(await trial.endOf(executionArn));
  delivered(await trial.ended(late, TWICE_MS));
  await paid(trial, IMAGES_PER_DAY + 3);
  return `${IMAGES_PER_DAY} of ${IMAGES_PER_DAY + 3} images, before the count was set back in place of waiting for 00:00 UTC`;
}

/** As many submissions as a day has must have been sent, and accepted: none above is even tried. */
async function onlyTheLimit(trial: Trial): Promise<void> {
  await paid(trial, IMAGES_PER_DAY);
  assert.equal(await trial.target.gateway.submissions(trial.token), IMAGES_PER_DAY, 'Submissions that were sent');
}

/** What guards the money. */
export const GUARDS: Case[] = [
  {
    name: 'No image is submitted above imagesPerDay, and a redrive delivers what failed once the count is set back',
    group: GUARDED,
    run: onNewDay(limited),
  },
  {
    name: 'An empty wallet holds uploads back until npm run resume, and npm run redrive delivers what had failed',
    group: GUARDED,
    run: onNewDay(resumed),
  },
  { name: 'A probe that is accepted lets uploads go on by itself', group: GUARDED, run: onNewDay(probed) },
];
