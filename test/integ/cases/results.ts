import assert from 'node:assert/strict';
import type { Case } from '../case.ts';
import type { Trial } from '../trial.ts';
import { delivered, madeFrom, paid } from './check.ts';
import { CAT, picture } from './pictures.ts';

function ofSize(bytes: number) {
  return async (trial: Trial) => {
    await trial.gateway({ resultBytes: bytes });
    const execution = await trial.ended(await trial.upload('Main', 'cat.jpg', CAT), 10 * 60_000);
    const [result] = delivered(execution);
    const { ContentLength, ContentType } = (await trial.target.objects.head(result.bucket, result.key)) ?? {};
    assert.deepEqual([ContentLength, ContentType, result.bytes], [bytes, 'image/png', bytes]);
    await paid(trial, 1);
  };
}

async function several(trial: Trial): Promise<void> {
  const image = await picture();
  await trial.gateway({ outcomes: [{ mediaCount: 3 }] });
  const results = delivered(await trial.ended(await trial.upload('Main', 'cat.png', image)));
  assert.equal(results.length, 3);
  for (const result of results) await madeFrom(trial, result, image);
}

async function imageUrl(trial: Trial): Promise<void> {
  const image = await picture();
  const url = await trial.target.gateway.photo(trial.token, 'photo.png', image);
  const input = { imageUrl: url, resultKey: `${trial.token}/from-url` };
  const [result] = delivered(await trial.run(trial.places('Main').stateMachineArn, 'from-url', input));
  await madeFrom(trial, result, image);
  await paid(trial, 1);
}

/** Results of each size, and images from elsewhere. */
export const RESULTS: Case[] = [
  { name: 'A result of 1 kB is delivered', quick: true, run: ofSize(1_000) },
  { name: 'A result of 7 MB is delivered', run: ofSize(7_000_000) },
  { name: 'A result of 100 MB is delivered', run: ofSize(100_000_000) },
  { name: 'Each of several results is delivered', quick: true, run: several },
  { name: 'An image behind a URL is delivered', quick: true, run: imageUrl },
];
