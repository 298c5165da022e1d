import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Case } from '../case.ts';
import { RESULTS_PREFIX } from '../stack-name.ts';
import type { Trial } from '../trial.ts';
import { delivered, madeFrom, paid } from './check.ts';
import { picture } from './pictures.ts';

async function keyRotated(trial: Trial): Promise<void> {
  delivered(await trial.ended(await trial.upload('Main', 'before.png', await picture())));
  const key = `rotated-${randomBytes(8).toString('hex')}`;
  // In the order in which a person does it: the old key dies, then the new one is stored.
  await trial.target.gateway.setApiKeys(key);
  await trial.target.setApiKey(key);
  delivered(await trial.ended(await trial.upload('Main', 'after.png', await picture())));
  await paid(trial, 2);
}

async function settingsChanged(trial: Trial): Promise<void> {
  const image = await picture();
  await trial.gateway({ outcomes: ['NEVER'] });
  const upload = await trial.upload('Main', 'waiting.png', image);
  const execution = await trial.executionOf(upload);
  await trial.entered(execution, 'Check status');
  await trial.target.redeploy({ [RESULTS_PREFIX]: 'later/' });
  assert.equal(trial.places('Main').resultsPrefix, 'later/');
  await trial.gateway({});
  const [result] = delivered(await trial.endOf(execution.executionArn ?? '', 10 * 60_000));
  assert.match(result.key, /^later\//, 'The result goes where the settings of the day say');
  await madeFrom(trial, result, image);
  await paid(trial, 1);
}

/** What changes under running executions: alone, as it changes for all. */
export const CHANGES: Case[] = [
  { name: 'A new API key is used without a deployment', when: 'alone', quick: true, run: keyRotated },
  {
    name: 'A deployment with other settings leaves executions that wait unharmed',
    when: 'alone',
    run: settingsChanged,
  },
];
