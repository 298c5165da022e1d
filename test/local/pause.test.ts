import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LocalCloud } from '../../local/cloud.ts';
import { collect } from '../../local/outcomes.ts';
import { pauseOf, resume } from '../../local/pause.ts';
import { CAT, picture } from '../pictures.ts';
import { startCloud, upload } from '../pipeline-rig.ts';

let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startCloud({ settings: { pause: true, resultsPrefix: 'out/' } });
});
afterAll(() => cloud?.close());

it('A pause on this machine is told with its reason and how many uploads wait, and can be lifted', async () => {
  expect(pauseOf(cloud)).toBeUndefined();
  cloud.gateway.always({ submit: { status: 402 } });
  await upload(cloud, 'poor.jpg', await picture(1));
  await cloud.runSchedules();
  cloud.s3.put(cloud.uploadsBucket, 'waiting.jpg', CAT);
  await cloud.settled();
  expect(pauseOf(cloud)).toEqual({
    reason: 'InsufficientBalance',
    since: expect.stringMatching(/^\d{4}-/),
    waiting: 1,
  });
  expect(collect(cloud, { key: 'waiting.jpg', file: 'waiting.jpg', out: 'nowhere' })).toEqual({
    file: 'waiting.jpg',
    results: [],
    problem: 'held back after InsufficientBalance: the gateway answered 402: the wallet is empty',
  });

  cloud.gateway.always({ submit: 'accept' });
  await resume(cloud);
  await cloud.settled();
  expect(pauseOf(cloud)).toBeUndefined();
  expect(cloud.s3.list(cloud.resultsBucket, 'out/waiting')).toEqual(['out/waiting.jpg.png']);
});
