import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../local/cloud.ts';
import type { S3Request } from '../local/s3.ts';
import type { Execution } from '../local/step-functions.ts';
import { synthesize } from '../local/template.ts';
import { BEFORE, EXISTING, STILL_WORKING, underWay } from './changing-settings.ts';
import { messageOf } from './executions.ts';
import { accessToS3 } from './permissions/enforce.ts';
import { CAT } from './pictures.ts';
import { errorFile, startCloud } from './pipeline-rig.ts';
import { until } from './until.ts';

/**
 * A deployment with other buckets or prefixes also changes the roles, at once. Here S3 refuses what the new roles do not
 * allow, also to functions and URLs that are still under way with the old settings.
 */

let cloud: LocalCloud;
// The first synth loads the CDK: longer than all that a test does afterwards.
beforeAll(() => void synthesize());
afterEach(() => cloud?.close());

async function start(settings: Record<string, unknown> = {}, photos = EXISTING.photos): Promise<void> {
  cloud = await startCloud({ settings: { ...BEFORE, ...settings }, existingBuckets: { ...EXISTING, photos } });
  cloud.s3.onRequest = accessToS3(cloud);
}

/** Deploys with other settings, and so with other roles. */
async function change(settings: Record<string, unknown>): Promise<void> {
  await cloud.deploy({ ...BEFORE, ...settings });
  cloud.s3.onRequest = accessToS3(cloud);
}

/** Holds the first request that is so until it is released; it is then decided on by the roles of that moment. */
function holdFirst(is: (request: S3Request) => boolean): { held: Promise<void>; release: () => void } {
  const { promise: held, resolve: onHeld } = Promise.withResolvers<void>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const decide = accessToS3(cloud);
  let isFirst = true;
  cloud.s3.onRequest = async (request) => {
    if (!isFirst || !is(request)) return decide(request);
    isFirst = false;
    onHeld();
    await released;
    return cloud.s3.onRequest?.(request);
  };
  return { held, release };
}

const cutouts = (bucket: string) => cloud.s3.list(bucket).filter((key) => key.endsWith('.png'));

describe.each([
  { what: 'uploads prefix', settings: { uploadsPrefix: 'more/' } },
  { what: 'uploads bucket', settings: { uploadsBucket: 'images' } },
])('another $what', ({ settings }) => {
  it('lets what the gateway has fetched be delivered, and fails by name what it has not, or what is unpaid', async () => {
    await start();
    cloud.gateway.always({ status: STILL_WORKING });
    const fetched = await underWay(cloud, 'in/fetched.jpg', 'Check status');
    const [first] = cloud.gateway.submissions;
    await until(() => cloud.gateway.job(String(first?.requestId))?.status === 'COMPLETED');
    cloud.gateway.always({ outcome: 'NEVER' });
    const unfetched = await underWay(cloud, 'in/unfetched.jpg', 'Check status');
    const [, second] = cloud.gateway.submissions;
    cloud.gateway.always({ submit: { status: 429 } });
    const unpaid = await underWay(cloud, 'in/unpaid.jpg', 'Submit');
    await until(() => cloud.gateway.submissions.length > 2);
    await change(settings);
    cloud.gateway.always({ submit: 'accept', outcome: 'COMPLETED', status: 'normal' });
    await cloud.gateway.finish(String(second?.requestId));
    await cloud.settled();

    expect(fetched.status, messageOf(fetched)).toBe('SUCCEEDED');
    expect(cutouts('cutouts')).toEqual([expect.stringMatching(/^out\/in\/fetched\.jpg~[0-9a-f]{32}\.png$/)]);
    expect(unfetched.error).toBe('RemovalFailed');
    const file = cloud.s3.list('cutouts').find((key) => key.startsWith('out/in/unfetched.jpg~')) ?? '';
    expect(errorFile(cloud, file.replace(/\.error\.json$/, ''))).toMatchObject({ error: 'RemovalFailed' });
    expect(unpaid.error).toBe('InvalidInput');
    expect(cloud.gateway.accepted).toBe(2);
  });
});

describe('another results bucket and prefix', () => {
  it('take a delivery that is under way, and one whose callback comes afterwards', async () => {
    await start({ webhook: true });
    cloud.gateway.always({ status: STILL_WORKING, outcome: 'NEVER' });
    const waiting = await underWay(cloud, 'in/waiting.jpg', 'Await callback');
    cloud.gateway.always({ status: 'normal', outcome: 'COMPLETED' });
    const writing = holdFirst(({ operation, key }) => operation === 'PutObject' && key === 'out/writing.jpg.png');
    const delivering = await underWay(cloud, 'in/writing.jpg', 'Deliver');
    await writing.held;
    await change({ webhook: true, resultsBucket: 'elsewhere', resultsPrefix: 'new/' });
    writing.release();
    await cloud.gateway.finish(String(cloud.gateway.submissions[0]?.requestId));
    await cloud.settled();

    for (const each of [waiting, delivering]) expect(each.status, messageOf(each)).toBe('SUCCEEDED');
    expect(cutouts('elsewhere')).toEqual(['new/waiting.jpg.png', 'new/writing.jpg.png']);
    expect(cutouts('cutouts')).toEqual([]);
    expect(cloud.gateway.accepted).toBe(2);
  });
});

interface Row {
  what: string;
  settings: Record<string, unknown>;
  /** Where the cutout of the image that was submitted before goes. */
  cutout: [bucket: string, key: RegExp];
  /** How the backfill that runs ends, and the dry run: its error, or the status in its output. */
  run: string;
  plan: string;
  /** Why a batch of the backfill that is looked at after the change has nothing to submit. */
  skipped?: Record<string, number>;
}

const ROWS: Row[] = [
  {
    ...{ what: 'webhook', settings: { webhook: true }, run: 'COMPLETED', plan: 'DRY_RUN' },
    cutout: ['cutouts', /^out\/old\.jpg\.png$/],
  },
  {
    ...{ what: 'results bucket and prefix', run: 'InternalError', plan: 'InternalError' },
    settings: { resultsBucket: 'elsewhere', resultsPrefix: 'new/' },
    cutout: ['elsewhere', /^new\/old\.jpg\.png$/],
  },
  {
    ...{ what: 'uploads prefix', settings: { uploadsPrefix: 'more/' }, run: 'COMPLETED', plan: 'DRY_RUN' },
    cutout: ['cutouts', /^out\/in\/old\.jpg~[0-9a-f]{32}\.png$/],
    skipped: { notAnUpload: 1 },
  },
  {
    ...{ what: 'uploads bucket', settings: { uploadsBucket: 'images' }, run: 'COMPLETED', plan: 'DRY_RUN' },
    cutout: ['cutouts', /^out\/in\/old\.jpg~[0-9a-f]{32}\.png$/],
  },
];

describe('a backfill, and a dry run, that are under way', () => {
  it.each(ROWS)('end by a documented name with another $what, and nothing is paid twice', async (row) => {
    await start({}, { versioned: true, eventBridge: false });
    cloud.gateway.always({ status: STILL_WORKING });
    cloud.s3.put('photos', 'in/old.jpg', CAT);
    const machine = cloud.template.output('BackfillStateMachineArn');
    const run = cloud.stepFunctions.startOf(machine, 'run', '{}');
    // The gateway must have fetched the image: the new roles forbid its URL.
    await until(() => cloud.gateway.job(String(cloud.gateway.submissions[0]?.requestId))?.status === 'COMPLETED');
    cloud.s3.put('photos', 'in/dry/other.jpg', CAT);
    const look = holdFirst(({ operation, key }) => operation === 'HeadObject' && key === 'in/dry/other.jpg');
    const plan = cloud.stepFunctions.startOf(machine, 'plan', '{"prefix": "in/dry/", "dryRun": true}');
    await look.held;
    await change(row.settings);
    look.release();
    cloud.gateway.always({ status: 'normal' });
    await cloud.settled();

    const endOf = ({ error, output }: Execution) => error ?? JSON.parse(output ?? '{}').status;
    expect({ run: endOf(run), plan: endOf(plan) }, messageOf(run)).toEqual({ run: row.run, plan: row.plan });
    for (const { error } of cloud.stepFunctions.executions) expect(error).not.toBe('States.Runtime');
    expect(cloud.gateway.accepted).toBe(1);
    const [bucket, key] = row.cutout;
    expect(cutouts(bucket)).toEqual([expect.stringMatching(key)]);
    if (row.skipped === undefined) return;
    const BatchInput = { prefix: 'in/', startedAt: new Date().toISOString(), retryFailed: false };
    const selected = await cloud.function('select-images').invoke({ BatchInput, Items: [{ Key: 'in/dry/other.jpg' }] });
    expect(selected).toEqual({ skipped: row.skipped, images: [] });
  });
});
