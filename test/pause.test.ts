import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AwsError } from '../local/aws-api.ts';
import type { LocalCloud } from '../local/cloud.ts';
import { CAT, picture } from './pictures.ts';
import { errorFile, execute, redrive, startCloud, upload } from './pipeline-rig.ts';
import { until } from './until.ts';

/** What holds uploads back, and what lets them go on: on the real bundles and the embedded services. */

const EMPTY_WALLET = { status: 402 };
const PAUSE_KEY = 'paused.json';

let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startCloud({ visibilityMs: 5, settings: { pause: true } });
});
afterEach(async () => {
  cloud.onAwsCall = undefined;
  cloud.gateway.always({ submit: 'accept' });
  cloud.s3.delete(cloud.resultsBucket, PAUSE_KEY);
  await keepPause();
  await cloud.settled();
});
afterAll(() => cloud?.close());

/** What the schedule does every five minutes. */
const keepPause = () => cloud.runSchedules();
const pause = () => JSON.parse(cloud.s3.get(cloud.resultsBucket, PAUSE_KEY)?.body.toString() ?? 'null');
const intake = () => [...cloud.queues.values()].find(({ arn }) => arn.includes('IntakeQueue')) ?? expect.fail();
const isOn = (name: string) => cloud.stepFunctions.executions.some(({ input }) => JSON.parse(input).key === name);
const cutouts = () => cloud.s3.list(cloud.resultsBucket).filter((key) => key.endsWith('.png'));

/** An upload that fails for want of money, and one that comes after it. */
async function emptyTheWallet(name: string): Promise<void> {
  cloud.gateway.always({ submit: EMPTY_WALLET });
  expect(await upload(cloud, `${name}/first.jpg`, await picture(name.length))).toMatchObject({
    error: 'InsufficientBalance',
  });
  await keepPause();
  cloud.s3.put(cloud.uploadsBucket, `${name}/second.jpg`, CAT);
  await cloud.settled();
}

/** Waits until on-upload has been given batches so many times, and has returned all but the last. */
async function untilReturned(times: number): Promise<void> {
  let batches = 0;
  cloud.onInvoke = (bundle) => {
    if (bundle === 'on-upload') batches++;
    return undefined;
  };
  await until(() => batches > times || undefined);
  cloud.onInvoke = undefined;
}

describe('while the gateway refuses for a reason of the account', () => {
  it('uploads wait in their queue; one execution is redriven until it is accepted, then all go on', async () => {
    await emptyTheWallet('wallet');
    expect(pause()).toMatchObject({ reason: 'InsufficientBalance', execution: expect.stringMatching(/^wallet-first/) });
    expect(isOn('wallet/second.jpg')).toBe(false);
    expect(intake().bodies).toHaveLength(1);
    expect(intake().isRead).toBe(false);

    const posts = cloud.gateway.submissions.length;
    await keepPause();
    await cloud.settled();
    expect(cloud.gateway.submissions.length).toBe(posts + 1);
    expect(errorFile(cloud, 'wallet/first.jpg')).toMatchObject({ error: 'InsufficientBalance' });
    expect(isOn('wallet/second.jpg')).toBe(false);

    cloud.gateway.always({ submit: 'accept' });
    await keepPause();
    await cloud.settled();
    expect(pause()).toBeNull();
    expect(cutouts()).toEqual(expect.arrayContaining(['wallet/first.jpg.png', 'wallet/second.jpg.png']));
  });

  it('an image that another workflow submits is not held back, and ends the pause if it is accepted', async () => {
    await emptyTheWallet('other');
    cloud.gateway.always({ submit: 'accept' });
    const input = { bucket: cloud.uploadsBucket, key: 'other/second.jpg' };
    expect(await execute(cloud, 'not-held-back', input)).toMatchObject({ status: 'SUCCEEDED' });
    expect(pause()).toBeNull();
    await keepPause();
    expect(intake().isRead).toBe(true);
  });

  it('nothing reaches the dead-letter queue, also where the event source mapping goes on reading for 20 receives', async () => {
    cloud.gateway.always({ submit: EMPTY_WALLET });
    await upload(cloud, 'receives/first.jpg', await picture(77));
    cloud.s3.put(cloud.uploadsBucket, 'receives/second.jpg', CAT);
    await untilReturned(45);
    await keepPause();
    expect(intake().deadLetters?.bodies).toEqual([]);
    expect(isOn('receives/second.jpg')).toBe(false);

    cloud.gateway.always({ submit: 'accept' });
    await keepPause();
    await cloud.settled();
    expect(cutouts()).toContain('receives/second.jpg.png');
  });

  it('a deployment neither lifts the pause nor lets uploads through', async () => {
    await emptyTheWallet('deploy');
    await cloud.deploy({ uploadsPerMinute: 600 });
    expect(intake().isRead).toBe(false);
    // A deployment that changes the mapping may enable it, too.
    intake().isRead = true;
    await untilReturned(1);
    await keepPause();
    expect(intake().isRead).toBe(false);
    expect(isOn('deploy/second.jpg')).toBe(false);
    await cloud.deploy({});
  });

  it('is told to the alarms also when keep-pause fails', async () => {
    await emptyTheWallet('untold');
    const lines = cloud.logs.length;
    cloud.onAwsCall = (operation) =>
      operation.endsWith('.DescribeExecution') ? new AwsError('AccessDeniedException', 'Not allowed') : undefined;
    await keepPause();
    const said = cloud.logs.slice(lines).map((line) => JSON.parse(line));
    expect(said).toContainEqual(expect.objectContaining({ message: 'failed', errorName: 'InternalError' }));
    expect(said).toContainEqual(expect.objectContaining({ error: 'InsufficientBalance', Paused: expect.any(Number) }));
  });

  it('a pause whose failed executions are all gone ends, because nothing else could find out', async () => {
    await emptyTheWallet('gone');
    cloud.gateway.always({ submit: 'accept' });
    // What is left failed because of the pictures.
    for (const execution of cloud.stepFunctions.executions.filter(({ error }) => error === 'InsufficientBalance')) {
      cloud.s3.put(cloud.uploadsBucket, JSON.parse(execution.input).key, Buffer.from('no picture'));
      await redrive(cloud, execution);
    }
    expect(pause()).not.toBeNull();
    await keepPause();
    await cloud.settled();
    expect(pause()).toBeNull();
    expect(isOn('gone/second.jpg')).toBe(true);
  });
});

describe('with pause turned off', () => {
  it('every upload is submitted, and fails, those that were held back before it included', async () => {
    await emptyTheWallet('off');
    await cloud.deploy({ pause: false });
    await cloud.settled();
    expect(isOn('off/second.jpg')).toBe(true);
    expect(errorFile(cloud, 'off/second.jpg')).toMatchObject({ error: 'InsufficientBalance' });
    await cloud.deploy({});
  });
});
