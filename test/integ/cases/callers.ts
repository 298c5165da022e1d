import assert from 'node:assert/strict';
import type { Case } from '../case.ts';
import type { Trial } from '../trial.ts';
import { madeFrom, paid } from './check.ts';
import { picture } from './pictures.ts';

function calledFrom(output: 'JsonPathCallerArn' | 'JsonataCallerArn') {
  return async (trial: Trial) => {
    const image = await picture();
    const callerArn = trial.target.output(output);
    const imageUrl = await trial.target.gateway.photo(trial.token, 'photo.png', image);
    const good = await trial.run(callerArn, 'good', { imageUrl, resultKey: `${trial.token}/called` });
    assert.equal(good.status, 'SUCCEEDED', good.cause);
    const { status, results } = JSON.parse(good.output ?? '{}');
    assert.equal(status, 'DELIVERED');
    await madeFrom(trial, results[0], image);
    await paid(trial, 1);

    const noPicture = await trial.target.gateway.photo(trial.token, 'text.png', Buffer.from('no picture'));
    const input = { imageUrl: noPicture, resultKey: `${trial.token}/failing` };
    const bad = await trial.run(callerArn, 'bad', input);
    assert.match(bad.output ?? '', /NotAnImage/, 'The caller learns by which name the removal failed');
  };
}

/** Other people's state machines. */
export const CALLERS: Case[] = [
  { name: 'A state machine in JSONPath waits for a removal', quick: true, run: calledFrom('JsonPathCallerArn') },
  { name: 'A state machine in JSONata waits for a removal', needs: ['JSONata'], run: calledFrom('JsonataCallerArn') },
];
