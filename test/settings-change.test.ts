import { afterEach, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../local/cloud.ts';
import type { Execution } from '../local/step-functions.ts';
import { BEFORE, begun, EXISTING, STILL_WORKING, underWay } from './changing-settings.ts';
import { messageOf, statesOf } from './executions.ts';
import { policiesOf, refused } from './permissions/policies.ts';
import { Requests } from './permissions/requests.ts';
import { CAT } from './pictures.ts';
import { startCloud } from './pipeline-rig.ts';
import { until } from './until.ts';

/**
 * Settings change while executions are under way: these keep their definition, also when they are redriven, and meet the
 * functions, roles and settings of the day.
 */

let cloud: LocalCloud;
afterEach(() => cloud?.close());

async function start(settings: Record<string, unknown>): Promise<void> {
  cloud = await startCloud({
    settings: { ...BEFORE, ...settings },
    existingBuckets: EXISTING,
    callbackTimeoutMs: 300,
  });
}

/** Deploys with other settings, and has every call from then on that IAM would refuse noted. */
async function change(settings: Record<string, unknown>): Promise<() => Promise<string[]>> {
  await cloud.deploy({ ...BEFORE, ...settings });
  const needed = new Requests(cloud, {});
  const requests: Parameters<typeof refused>[1] = [];
  cloud.onCall = (call) => requests.push(...needed.of(call));
  return () => refused(policiesOf(cloud.template, {}), requests);
}

/** Executions in each stage of their life. */
async function oneOfEach(): Promise<Record<'undelivered' | 'waiting' | 'url' | 'failing' | 'submitting', Execution>> {
  cloud.gateway.always({ download: 'html' });
  const undelivered = await underWay(cloud, 'in/undelivered.jpg', 'Deliver');
  await cloud.settled();
  expect(undelivered.error).toBe('InvalidResult');
  cloud.gateway.always({ download: 'normal', status: STILL_WORKING });
  const waiting = await underWay(cloud, 'in/waiting.jpg', 'Check status');
  cloud.gateway.nextDownloads({ status: 200, body: CAT }, { status: 200, body: CAT });
  const input = { imageUrl: `${cloud.gateway.cdnUrl}/picture.jpg`, resultKey: 'from/url' };
  cloud.stepFunctions.start('url', JSON.stringify(input));
  const url = await begun(cloud, 'from/url', 'Check status');
  cloud.gateway.nextOutcomes('FAILED');
  const failing = await underWay(cloud, 'in/failing.jpg', 'Check status');
  cloud.gateway.always({ submit: { status: 429 } });
  const tried = cloud.gateway.submissions.length;
  const submitting = await underWay(cloud, 'in/submitting.jpg', 'Submit');
  await until(() => cloud.gateway.submissions.length > tried);
  return { undelivered, waiting, url, failing, submitting };
}

interface Change {
  what: string;
  settings: Record<string, unknown>;
  /** Where results go then. @default cutouts */
  bucket?: string;
  /** Key of the result of an upload that had been paid for, less the extension, in which `?` stands for its name. */
  key?: string;
  /** … and of an image URL. */
  urlKey?: string;
  /** How an upload ends that had not been submitted yet. @default it is delivered */
  unpaid?: string;
}

const HASH = '~[0-9a-f]{32}';
const CHANGES: Change[] = [
  {
    what: 'webhook, expectedSeconds, timeoutMinutes',
    settings: { webhook: true, expectedSeconds: 60, timeoutMinutes: 360 },
  },
  {
    what: 'imageFormats, maxMegapixels',
    settings: { imageFormats: 'png', maxMegapixels: 1 },
    unpaid: 'UnsupportedFormat',
  },
  {
    ...{ what: 'resultsBucket, resultsPrefix', settings: { resultsBucket: 'elsewhere', resultsPrefix: 'new/' } },
    ...{ bucket: 'elsewhere', key: 'new/?', urlKey: 'new/from/url' },
  },
  { what: 'uploadsPrefix (wider)', settings: { uploadsPrefix: '' }, key: 'out/in/?' },
  {
    ...{ what: 'uploadsPrefix (another)', settings: { uploadsPrefix: 'more/' } },
    ...{ key: `out/in/?${HASH}`, unpaid: 'InvalidInput' },
  },
  {
    ...{ what: 'uploadsBucket', settings: { uploadsBucket: 'images' } },
    ...{ key: `out/in/?${HASH}`, unpaid: 'InvalidInput' },
  },
];

describe('when a setting changes, whatever was under way ends by the settings in force', () => {
  it.each(CHANGES)(
    '$what',
    async ({ settings, bucket = 'cutouts', key = 'out/?', urlKey = 'out/from/url', unpaid }) => {
      await start({});
      const { undelivered, waiting, url, failing, submitting } = await oneOfEach();
      const paid = cloud.gateway.accepted;
      const refusals = await change(settings);
      cloud.gateway.always({ submit: 'accept', status: 'normal' });
      cloud.stepFunctions.redrive(undelivered.arn);
      await cloud.settled();

      for (const each of [undelivered, waiting, url]) expect(each.status, messageOf(each)).toBe('SUCCEEDED');
      expect(failing.error).toBe('RemovalFailed');
      expect(submitting).toMatchObject(unpaid ? { error: unpaid } : { status: 'SUCCEEDED' });
      expect(cloud.gateway.accepted, 'nothing is paid for again').toBe(paid + (unpaid ? 0 : 1));
      const keys = cloud.s3.list(bucket);
      const placeOf = (name: string) => key.replace('?', `${name}\\.jpg`);
      for (const name of ['undelivered', 'waiting', ...(unpaid ? [] : ['submitting'])]) {
        expect(keys).toContainEqual(expect.stringMatching(new RegExp(`^${placeOf(name)}\\.png$`)));
      }
      expect(keys).toContainEqual(expect.stringMatching(new RegExp(`^${placeOf('failing')}\\.error\\.json$`)));
      expect(keys).toContain(`${urlKey}.png`);
      expect(await refusals(), 'calls that IAM would refuse').toEqual([]);
    },
  );
});

describe('webhook turned off', () => {
  it('costs time only, for an execution that awaits its callback and for one that is redriven: they poll in the end', async () => {
    await start({ webhook: true });
    cloud.gateway.nextSubmits({ status: 402 });
    const failed = await underWay(cloud, 'in/failed.jpg', 'Submit');
    await cloud.settled();
    cloud.gateway.always({ status: STILL_WORKING, outcome: 'NEVER' });
    const waiting = await underWay(cloud, 'in/waiting.jpg', 'Await callback');
    const refusals = await change({});
    cloud.gateway.always({ status: 'normal', outcome: 'COMPLETED' });
    cloud.stepFunctions.redrive(failed.arn);
    await until(() => statesOf(waiting).includes('Check status'));
    await cloud.gateway.finish(String(cloud.gateway.submissions[1]?.requestId));
    await cloud.settled();

    for (const each of [waiting, failed]) {
      expect(each.status, messageOf(each)).toBe('SUCCEEDED');
      expect(statesOf(each)).toContain('Await callback');
    }
    expect(cloud.gateway.accepted).toBe(2);
    // The definition that it began with asks for the table, which is gone.
    expect((await refusals()).filter((line) => !line.includes('dynamodb:UpdateItem'))).toEqual([]);
  });
});
