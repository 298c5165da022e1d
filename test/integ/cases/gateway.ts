import assert from 'node:assert/strict';
import type { HistoryEvent } from '@aws-sdk/client-sfn';
import type { Case } from '../case.ts';
import { statesIn } from '../target/executions.ts';
import type { Trial } from '../trial.ts';
import { delivered, failedWith, madeFrom, paid } from './check.ts';
import { picture } from './pictures.ts';

async function failed(trial: Trial): Promise<void> {
  await trial.gateway({ outcomes: ['FAILED'] });
  const upload = await trial.upload('Main', 'cat.png', await picture());
  failedWith(await trial.ended(upload), 'RemovalFailed');
  assert.equal((await trial.errorFile(upload)).error, 'RemovalFailed');
}

async function error(trial: Trial): Promise<void> {
  const image = await picture();
  await trial.gateway({ outcomes: ['ERROR'] });
  const [result] = delivered(await trial.ended(await trial.upload('Main', 'cat.png', image)));
  await madeFrom(trial, result, image);
  await paid(trial, 2);
}

async function tooMany(trial: Trial): Promise<string | undefined> {
  const refusal = { status: 429 };
  await trial.gateway({
    submits: [refusal, refusal],
    statuses: [{ ...refusal, headers: { 'retry-after': '11' } }],
  });
  const execution = await trial.ended(await trial.upload('Main', 'cat.png', await picture()));
  delivered(execution);
  await paid(trial, 1);
  const history = await trial.history(execution);
  const waits = history.flatMap(({ stateEnteredEventDetails: entered }) =>
    entered?.name === 'Wait' ? [JSON.parse(entered.input ?? '{}').waitSeconds] : [],
  );
  assert.equal(waits[1], 11, 'Seconds until the next poll, as the gateway asked for');
  const refused = history.filter(({ taskFailedEventDetails }) => taskFailedEventDetails?.error === 'TooManyRequests');
  assert.equal(refused.length, 2, 'Submissions that were refused');
  const seconds = gaps(history);
  return seconds.length === 0 ? undefined : `retried after ${seconds.join(' and ')} s`;
}

/** Seconds from each failed attempt of a task to the next attempt, where the history tells of both. */
function gaps(history: HistoryEvent[]): string[] {
  return history.flatMap(({ taskFailedEventDetails, timestamp }, index) => {
    const next = history.slice(index).find(({ type }) => type === 'TaskScheduled')?.timestamp;
    if (!taskFailedEventDetails || !next || !timestamp) return [];
    return [((next.getTime() - timestamp.getTime()) / 1000).toFixed(1)];
  });
}

async function emptyWallet(trial: Trial): Promise<void> {
  const image = await picture();
  await trial.gateway({ submits: [{ status: 402 }] });
  const upload = await trial.upload('Main', 'cat.png', image);
  const execution = await trial.ended(upload);
  failedWith(execution, 'InsufficientBalance');
  await trial.errorFile(upload);
  const { executionArn = '' } = execution;
  await trial.target.executions.redrive(executionArn);
  const [result] = delivered(await trial.endOf(executionArn));
  await madeFrom(trial, result, image);
  await paid(trial, 1);
  const { results } = trial.places('Main');
  const left = await trial.target.objects.list(results, trial.resultKey(upload));
  assert.deepEqual(left, [`${trial.resultKey(upload)}.png`], 'The error file goes when the image is delivered');
}

async function redrive(trial: Trial): Promise<void> {
  const image = await picture();
  const { results } = trial.places('Main');
  await trial.gateway({ downloads: Array(10).fill('html') });
  const upload = await trial.upload('Main', 'cat.png', image);
  const execution = await trial.ended(upload);
  failedWith(execution, 'InvalidResult');
  const before = statesIn(await trial.history(execution));
  assert.equal(before.at(-1), 'Deliver');
  await trial.gateway({});
  const { executionArn = '' } = execution;
  await trial.target.executions.redrive(executionArn);
  const after = await trial.endOf(executionArn);
  const [result] = delivered(after);
  await madeFrom(trial, result, image);
  assert.equal(
    statesIn(await trial.history(after))[before.length] ?? 'Deliver',
    'Deliver',
    'It goes on where it failed',
  );
  await paid(trial, 1);
  assert.equal(await trial.target.objects.get(results, `${trial.resultKey(upload)}.error.json`), undefined);
}

async function unusableAnswers(trial: Trial): Promise<void> {
  await trial.gateway({
    statuses: [{ status: 500 }, 'html', { document: { status: 'THINKING' } }, { status: 404 }, 'hang'],
  });
  delivered(await trial.ended(await trial.upload('Main', 'cat.png', await picture())));
  await paid(trial, 1);
}

async function brokenDownload(trial: Trial): Promise<void> {
  const image = await picture();
  await trial.gateway({ downloads: [{ status: 503 }, 'truncated'] });
  const upload = await trial.upload('Main', 'cat.png', image);
  const [result] = delivered(await trial.ended(upload, 10 * 60_000));
  await madeFrom(trial, result, image);
  await paid(trial, 1);
}

async function redirectedElsewhere(trial: Trial): Promise<void> {
  const elsewhere = { status: 302, headers: { location: 'https://elsewhere.example/output.png' } };
  await trial.gateway({ downloads: Array(10).fill(elsewhere) });
  const upload = await trial.upload('Main', 'cat.png', await picture());
  failedWith(await trial.ended(upload), 'UntrustedResultUrl');
  assert.equal((await trial.errorFile(upload)).error, 'UntrustedResultUrl');
  const left = await trial.target.objects.list(trial.places('Main').results, trial.resultKey(upload));
  assert.deepEqual(left, [`${trial.resultKey(upload)}.error.json`]);
}

/** What Cutout makes of the gateway's answers. */
export const GATEWAY: Case[] = [
  { name: 'FAILED at the gateway fails the execution, and an error file says so', run: failed },
  { name: 'ERROR at the gateway is submitted again', run: error },
  { name: '429 is retried, and a status request heeds its Retry-After', run: tooMany },
  { name: '402 fails at once, and a redrive delivers after topping up', quick: true, run: emptyWallet },
  { name: 'A redrive goes on at the state that failed, without paying again', run: redrive },
  { name: 'Unusable answers to status requests count as still working', run: unusableAnswers },
  { name: 'A result that is cut is never stored, and fetched again', run: brokenDownload },
  { name: 'A result is not fetched from a host that is not trusted', quick: true, run: redirectedElsewhere },
];
