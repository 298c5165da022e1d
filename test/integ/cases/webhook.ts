import assert from 'node:assert/strict';
import { problemWithCallbacks } from '../../../commands/shared/callback-check.ts';
import type { Case } from '../case.ts';
import type { Switches } from '../gateway/switches.ts';
import { statesIn } from '../target/executions.ts';
import type { Trial } from '../trial.ts';
import { delivered, madeFrom, paid } from './check.ts';
import { picture } from './pictures.ts';

/** From the callback's time limit to its lateness, in milliseconds. */
const LATER_MS = 20_000;

/** Delivers one image whose callback is as `switches` say. @returns the states that its execution entered */
async function calledBack(trial: Trial, switches: Switches): Promise<string[]> {
  const image = await picture();
  await trial.gateway(switches);
  const patience = trial.target.platform.callbackTimeoutMs + 240_000;
  const execution = await trial.ended(await trial.upload('Webhook', 'cat.png', image), patience);
  const [result] = delivered(execution);
  await madeFrom(trial, result, image);
  await paid(trial, 1);
  return statesIn(await trial.history(execution));
}

/** Waits until the endpoint has answered so many calls. @returns the statuses of its answers */
async function answers(trial: Trial, count: number): Promise<(number | undefined)[]> {
  const calls = await trial.until(
    'the calls of the webhook',
    async () => {
      const made = await trial.target.gateway.callbacks(trial.token);
      return made.length >= count ? made : undefined;
    },
    trial.target.platform.callbackTimeoutMs + 60_000,
  );
  return calls.map(({ status }) => status);
}

async function onTime(trial: Trial): Promise<void> {
  const states = await calledBack(trial, {});
  assert.deepEqual(states, ['Submit', 'Await callback', 'Check status', 'Finished?', 'Deliver']);
  assert.deepEqual(await answers(trial, 1), [204]);
}

async function early(trial: Trial): Promise<void> {
  const states = await calledBack(trial, { durationMs: 0, webhook: { early: true } });
  assert.deepEqual(states, ['Submit', 'Await callback', 'Check status', 'Finished?', 'Deliver']);
  assert.deepEqual(await answers(trial, 1), [204]);
}

async function late(trial: Trial): Promise<void> {
  const delayMs = trial.target.platform.callbackTimeoutMs + LATER_MS;
  await calledBack(trial, { webhook: { delayMs } });
  const [status] = await answers(trial, 1);
  assert.equal(status, 204, 'The answer to a callback that nobody waits for any more');
}

async function lost(trial: Trial): Promise<void> {
  const states = await calledBack(trial, { webhook: { behaviour: 'lose' } });
  assert.equal(states[1], 'Await callback');
  assert.equal(states.at(-1), 'Deliver');
}

async function forged(trial: Trial): Promise<void> {
  const problem = await problemWithCallbacks(trial.places('Webhook').callbackUrl);
  assert.equal(problem, undefined, 'A callback by somebody who knows no address');
  const states = await calledBack(trial, { durationMs: 8_000, webhook: { forged: true } });
  assert.ok(states.includes('Wait'), 'A false callback wakes, and the gateway is asked');
}

async function twice(trial: Trial): Promise<void> {
  await calledBack(trial, { webhook: { behaviour: 'send-twice' } });
  assert.deepEqual(await answers(trial, 2), [204, 204]);
}

/** How callbacks come, or do not. */
export const WEBHOOK: Case[] = [
  { name: 'A callback wakes its execution', quick: true, run: onTime },
  { name: 'A callback that comes before it is awaited is found', run: early },
  { name: 'A callback that comes too late changes nothing', run: late },
  { name: 'Where the callback is lost, polling begins', run: lost },
  { name: 'A forged callback changes nothing', run: forged },
  { name: 'A callback that comes twice changes nothing', run: twice },
];
