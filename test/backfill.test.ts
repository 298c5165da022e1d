import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackfillInput, BackfillReport } from '../functions/backfill/contract.ts';
import { LOCAL_CREDENTIALS, type LocalCloud } from '../local/cloud.ts';
import type { Execution } from '../local/step-functions.ts';
import { messageOf, statesOf } from './executions.ts';
import { CAT, picture } from './pictures.ts';
import { execute, startCloud } from './pipeline-rig.ts';
import { until } from './until.ts';

/**
 * Backfills of an existing bucket, by the synthesized state machine and the built bundles. Distributed Maps are run by
 * this machine's own emulation, because the interpreter knows none.
 */

const SFN = { region: 'us-east-1', credentials: LOCAL_CREDENTIALS };

async function started(cloud: LocalCloud, input: BackfillInput): Promise<Execution> {
  const sfn = new SFNClient({ ...SFN, endpoint: cloud.awsUrl });
  const stateMachineArn = cloud.template.output('BackfillStateMachineArn');
  const { executionArn } = await sfn.send(new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) }));
  sfn.destroy();
  return cloud.stepFunctions.get(executionArn ?? '');
}

async function ended(execution: Execution): Promise<Execution> {
  await until(() => execution.status !== 'RUNNING' || undefined);
  return execution;
}

async function backfill(cloud: LocalCloud, input: BackfillInput): Promise<Execution> {
  const execution = await ended(await started(cloud, input));
  await cloud.settled();
  return execution;
}

/** What a backfill that succeeded puts out. */
async function reportOf(cloud: LocalCloud, input: BackfillInput): Promise<BackfillReport> {
  const { output, cause } = await backfill(cloud, input);
  if (output === undefined) throw new Error(cause);
  return JSON.parse(output);
}

function stored<T>(cloud: LocalCloud, key: string): T {
  return JSON.parse(cloud.s3.get(cloud.resultsBucket, key)?.body.toString() ?? 'null');
}

describe('a backfill of a bucket that was filled before and tells of no uploads', () => {
  let cloud: LocalCloud;
  let small: Buffer;
  let paidBefore = 0;
  const put = (...keys: string[]) => {
    for (const key of keys) cloud.s3.put('photos', key, small);
  };
  const paid = () => cloud.gateway.accepted - paidBefore;
  const cutouts = (prefix: string) => cloud.s3.list(cloud.resultsBucket, prefix).filter((key) => key.endsWith('.png'));
  /** Each test has a folder of its own. */
  const report = (prefix: string, input: BackfillInput = {}) => {
    paidBefore = cloud.gateway.accepted;
    return reportOf(cloud, { prefix, ...input });
  };

  beforeAll(async () => {
    small = await picture(200);
    cloud = await startCloud({
      settings: { uploadsBucket: 'photos', uploadsSuffixes: '.jpg,.png' },
      existingBuckets: { photos: { versioned: true, eventBridge: false } },
    });
  });
  afterAll(() => cloud?.close());

  it('counts what there is to do and prices it in a dry run, and submits nothing', async () => {
    put('dry/a.jpg', 'dry/b/c.jpg', 'dry/b/', 'dry/d.txt');
    cloud.s3.put('photos', 'dry/nothing.jpg', Buffer.alloc(0));
    const dry = await report('dry/', { dryRun: true });
    expect(dry).toMatchObject({
      status: 'DRY_RUN',
      examined: 5,
      found: 2,
      images: 2,
      skipped: { notAnUpload: 2, empty: 1 },
      priceUsd: 0.036,
      summary: '5 objects looked at, 2 images without a result: submitting 2 costs $0.036 at the gateway.',
    });
    expect(paid()).toBe(0);
    const images = cloud.s3.get(cloud.resultsBucket, dry.imagesKey)?.body.toString().trim().split('\n') ?? [];
    expect(images.map((line) => JSON.parse(line).input.key).sort()).toEqual(['dry/a.jpg', 'dry/b/c.jpg']);
    expect(stored(cloud, dry.report.key)).toMatchObject({ status: 'DRY_RUN', images: 2 });
  });

  it('finds nothing where nothing is', async () => {
    expect(await report('empty/')).toMatchObject({ status: 'COMPLETED', examined: 0, found: 0, priceUsd: 0 });
  });

  it('delivers everything and reports what came of it; a second one finds nothing left', async () => {
    put('all/a.jpg', 'all/b/ü+ %20.jpg', 'all/c.jpg');
    expect(await report('all/')).toMatchObject({ status: 'COMPLETED', images: 3, delivered: 3, failed: {} });
    expect(cutouts('all/')).toEqual(['all/a.jpg.png', 'all/b/ü+ %20.jpg.png', 'all/c.jpg.png']);
    expect(paid()).toBe(3);
    expect(await report('all/')).toMatchObject({ examined: 3, found: 0, skipped: { hasResult: 3 }, delivered: 0 });
    expect(paid()).toBe(0);
  });

  it('does again what has been overwritten since its result', async () => {
    put('again/a.jpg', 'again/b.jpg');
    await report('again/');
    // S3 tells times to the second.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    cloud.s3.put('photos', 'again/a.jpg', await picture(100));
    expect(await report('again/')).toMatchObject({ found: 1, skipped: { hasResult: 1 }, delivered: 1 });
  });

  it('stops at maxImages, and goes on with the others the next time', async () => {
    put('limit/a.jpg', 'limit/b.jpg', 'limit/c.jpg');
    const limited = await report('limit/', { maxImages: 2 });
    expect(limited).toMatchObject({ found: 3, images: 2, priceUsd: 0.036, delivered: 2 });
    expect(paid()).toBe(2);
    expect(await report('limit/', { maxImages: 2 })).toMatchObject({ found: 1, images: 1, delivered: 1 });
  });

  it('has no more images under way than maxConcurrency', async () => {
    const underWay = new Set<unknown>();
    let most = 0;
    cloud.onInvoke = (bundle, event) => {
      const { execution } = event as { execution?: string };
      if (bundle === 'submit') underWay.add(execution);
      if (bundle === 'deliver') underWay.delete(execution);
      most = Math.max(most, underWay.size);
      return undefined;
    };
    put('few/1.jpg', 'few/2.jpg', 'few/3.jpg', 'few/4.jpg', 'few/5.jpg');
    expect(await report('few/', { maxConcurrency: 2 })).toMatchObject({ delivered: 5 });
    cloud.onInvoke = undefined;
    expect(most).toBe(2);
  });

  it('leaves an image alone that another execution of its name handles', async () => {
    put('busy/a.jpg');
    const { imagesKey } = await report('busy/', { dryRun: true });
    const { name, input } = stored<{ name: string; input: object }>(cloud, imagesKey);
    cloud.gateway.nextStatuses(...Array.from({ length: 30 }, () => ({ document: { status: 'PROCESSING' } })));
    const other = { ...input, AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID: 'another workflow' };
    const first = cloud.stepFunctions.start(name, JSON.stringify(other));
    expect(await report('busy/')).toMatchObject({ status: 'COMPLETED', delivered: 0, alreadyHandled: 1 });
    expect(first.status).toBe('SUCCEEDED');
    expect(cutouts('busy/')).toEqual(['busy/a.jpg.png']);
  });

  it('counts failures by error, and puts up with some', async () => {
    put('some/a.jpg', 'some/b.jpg', 'some/c.jpg');
    cloud.s3.put('photos', 'some/text.jpg', Buffer.from('no picture'));
    const some = await report('some/', { toleratedFailurePercentage: 25 });
    expect(some).toMatchObject({ status: 'COMPLETED', delivered: 3, failed: { NotAnImage: 1 } });
    expect(some.summary).toContain(
      '3 delivered; 0 superseded; 0 already handled by their own executions; 1 NotAnImage failed.',
    );
    const failures = [{ key: 'some/text.jpg', error: 'NotAnImage' }];
    expect(stored(cloud, some.report.key)).toMatchObject({ failures });
    expect(stored(cloud, 'some/text.jpg.error.json')).toMatchObject({ error: 'NotAnImage' });
  });

  it('stops when more fail than is tolerated, says so, and reports; once the reason is gone it does them anew', async () => {
    cloud.gateway.always({ submit: { status: 402 } });
    const keys = Array.from({ length: 10 }, (_, index) => `poor/${index}.jpg`);
    put(...keys);
    const before = cloud.stepFunctions.executions.length;
    const limits = { maxConcurrency: 1, toleratedFailurePercentage: 20 };
    const execution = await backfill(cloud, { prefix: 'poor/', ...limits });
    expect(execution).toMatchObject({ status: 'FAILED', error: 'TooManyFailures' });
    expect(execution.cause).toContain('3 InsufficientBalance failed. Stopped: more failed than');
    const key = `backfills/${execution.name}/report.json`;
    expect(stored(cloud, key)).toMatchObject({ status: 'TOO_MANY_FAILURES', failed: { InsufficientBalance: 3 } });
    const removals = cloud.stepFunctions.executions.slice(before).filter(({ input }) => input.startsWith('{"bucket"'));
    expect(removals).toHaveLength(3);

    cloud.gateway.always({ submit: 'accept' });
    expect(await report('poor/')).toMatchObject({ found: 10, delivered: 10 });
    expect(paid()).toBe(10);
  });

  it('goes on with what was under way when it was stopped, and pays for none again', async () => {
    put('stop/1.jpg', 'stop/2.jpg', 'stop/3.jpg');
    cloud.gateway.always({ status: { document: { status: 'PROCESSING' } } });
    const before = cloud.gateway.accepted;
    const stopped = await started(cloud, { prefix: 'stop/' });
    await until(() => cloud.gateway.accepted === before + 3 || undefined);
    const asked = () =>
      cloud.stepFunctions.executions.filter(
        (each) => statesOf(each).includes('Check status') && each.status === 'RUNNING',
      );
    await until(() => asked().length === 3 || undefined);
    cloud.stepFunctions.stop(stopped.arn);
    await cloud.settled();
    cloud.gateway.always({ status: 'normal' });
    expect(cutouts('stop/')).toEqual([]);
    expect(await report('stop/')).toMatchObject({ found: 3, delivered: 3 });
    expect(cutouts('stop/')).toHaveLength(3);
    expect(paid()).toBe(0);
  });

  it('leaves alone what failed for good, unless it is asked to try again', async () => {
    put('bad/a.jpg');
    cloud.gateway.nextOutcomes('FAILED');
    expect(await report('bad/', { toleratedFailurePercentage: 100 })).toMatchObject({ failed: { RemovalFailed: 1 } });
    expect(await report('bad/')).toMatchObject({ found: 0, skipped: { failed: 1 } });
    expect(paid()).toBe(0);
    expect(await report('bad/', { retryFailed: true })).toMatchObject({ found: 1, delivered: 1 });
    expect(paid()).toBe(1);
  });

  it('submits anew, when asked to, what the gateway has not kept: a redrive would fetch nothing', async () => {
    put('expired/a.jpg');
    const output = { media_url: [`${cloud.gateway.cdnUrl}/gone.png`] };
    const completed_at = new Date(Date.now() - 3_600_000).toISOString();
    const before = cloud.gateway.submissions.length;
    const isFirst = (requestId: string) => requestId === cloud.gateway.submissions[before]?.requestId;
    const gone = { document: { status: 'COMPLETED', output, completed_at } };
    cloud.gateway.always({ status: ({ requestId }) => (isFirst(requestId) ? gone : 'normal') });
    const all = { toleratedFailurePercentage: 100 };
    expect(await report('expired/', all)).toMatchObject({ failed: { ResultExpired: 1 } });
    expect(await report('expired/')).toMatchObject({ found: 0, skipped: { failed: 1 } });
    expect(paid()).toBe(0);
    expect(await report('expired/', { retryFailed: true })).toMatchObject({ found: 1, delivered: 1 });
    expect(paid()).toBe(1);
    cloud.gateway.always({ status: 'normal' });
  });

  it('reads a key that holds characters at which some readers of lines split', async () => {
    put('lines/a\u2028b\u2029c\u0085.jpg');
    expect(await report('lines/')).toMatchObject({ found: 1, delivered: 1 });
    expect(cutouts('lines/')).toEqual(['lines/a\u2028b\u2029c\u0085.jpg.png']);
  });

  it('takes an error file that is none of Cutout’s for none', async () => {
    put('odd/a.jpg', 'odd/b.jpg');
    cloud.s3.put(cloud.resultsBucket, 'odd/a.jpg.error.json', Buffer.from('no JSON'));
    expect(await report('odd/')).toMatchObject({ found: 2, delivered: 2 });
  });

  it('gives a version that is current again its cutout, after the newer one was deleted for good', async () => {
    cloud.gateway.nextOutcomes('FAILED');
    const older = cloud.s3.put('photos', 'restored/a.jpg', small);
    const newer = cloud.s3.put('photos', 'restored/a.jpg', await picture(90));
    expect(await report('restored/', { toleratedFailurePercentage: 100 })).toMatchObject({
      failed: { RemovalFailed: 1 },
    });
    cloud.s3.delete('photos', 'restored/a.jpg', newer.versionId);
    // The error file is about the version that is gone.
    expect(await report('restored/')).toMatchObject({ found: 1, skipped: {}, delivered: 1 });
    expect(cloud.s3.get(cloud.resultsBucket, 'restored/a.jpg.png')?.metadata['source-version-id']).toBe(
      older.versionId,
    );
    expect(cloud.s3.list(cloud.resultsBucket, 'restored/')).toEqual(['restored/a.jpg.png']);
  });

  it('redrives the execution that an error file names, if its own input names this key', async () => {
    put('named/a.jpg', 'named/b.jpg');
    cloud.gateway.always({ download: { status: 404 } });
    // Started by another workflow, under a name of its own; paid, and not delivered.
    const failed = await execute(cloud, 'workflow-named-a', { bucket: 'photos', key: 'named/a.jpg' });
    expect(failed).toMatchObject({ status: 'FAILED', error: 'DownloadFailed' });
    cloud.gateway.always({ download: 'normal' });
    const file = stored<{ source: object }>(cloud, 'named/a.jpg.error.json');
    const { etag } = cloud.s3.get('photos', 'named/b.jpg') ?? {};
    const copied = { ...file, source: { bucket: 'photos', key: 'named/b.jpg', etag } };
    cloud.s3.put(cloud.resultsBucket, 'named/b.jpg.error.json', Buffer.from(JSON.stringify(copied)));

    expect(await report('named/')).toMatchObject({ found: 2, delivered: 2 });
    expect(failed).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
    expect(paid(), 'b.jpg alone').toBe(1);
  });

  it('is refused while another one runs, by whose name', async () => {
    put('two/a.jpg');
    cloud.gateway.always({ status: { document: { status: 'PROCESSING' } } });
    const first = await started(cloud, { prefix: 'two/' });
    await until(() => statesOf(first).includes('Remove') || undefined);
    const second = await ended(await started(cloud, { prefix: 'two/' }));
    expect(messageOf(second)).toContain(
      `Another backfill is running, ${first.name}: wait until it has ended, or stop it`,
    );
    cloud.gateway.always({ status: 'normal' });
    await ended(first);
    expect(first.status).toBe('SUCCEEDED');
  });

  it('skips an object that S3 does not tell of, and handles all others', async () => {
    put('some-denied/a.jpg', 'some-denied/secret.jpg');
    cloud.s3.onRequest = ({ operation, key }) =>
      operation === 'HeadObject' && key === 'some-denied/secret.jpg'
        ? { status: 403, code: 'AccessDenied' }
        : undefined;
    expect(await report('some-denied/')).toMatchObject({ skipped: { unreadable: 1 }, delivered: 1 });
    cloud.s3.onRequest = undefined;
  });

  it('is refused what cannot be done, by name', async () => {
    const execution = await backfill(cloud, { maxImages: 0 });
    expect(execution).toMatchObject({ status: 'FAILED', error: 'InvalidInput' });
    expect(messageOf(execution)).toContain('"maxImages" must be at least 1');
  });
});

describe('a backfill of a bucket whose uploads are processed too', () => {
  it('neither pays for an image that its own upload handles, nor leaves out one that failed', async () => {
    const cloud = await startCloud({ waitMs: 200 });
    try {
      cloud.gateway.nextSubmits({ status: 402 });
      cloud.s3.put(cloud.uploadsBucket, 'failed.jpg', CAT);
      await cloud.settled();
      // Under way until the backfill has looked.
      cloud.gateway.nextOutcomes('NEVER');
      cloud.s3.put(cloud.uploadsBucket, 'busy.jpg', CAT);
      await until(() => cloud.gateway.accepted === 1 || undefined);
      const busy = cloud.gateway.submissions.find(({ accepted }) => accepted)?.requestId ?? '';
      cloud.onInvoke = (bundle) => {
        if (bundle === 'plan-backfill') void cloud.gateway.finish(busy);
        return undefined;
      };
      const report = await reportOf(cloud, {});
      expect(report.found).toBe(2);
      expect(report.delivered + report.alreadyHandled).toBe(2);
      expect(cloud.gateway.accepted).toBe(2);
      const results = cloud.s3.list(cloud.resultsBucket).filter((key) => !key.startsWith('backfills/'));
      expect(results).toEqual(['busy.jpg.png', 'failed.jpg.png']);
    } finally {
      await cloud.close();
    }
  });

  it('does not pay again for what was delivered while it looked', async () => {
    const cloud = await startCloud({ retryMs: 400 });
    try {
      cloud.s3.put(cloud.uploadsBucket, 'late.jpg', CAT);
      // The list of images is made, but the plan is not: its function crashes until the upload has been delivered.
      cloud.gateway.nextStatuses({ document: { status: 'PROCESSING' } }, { document: { status: 'PROCESSING' } });
      cloud.onInvoke = (bundle) => {
        const upload = cloud.stepFunctions.executions.find(({ input }) => input.startsWith('{"bucket"'));
        if (bundle !== 'plan-backfill' || upload?.status === 'SUCCEEDED') return undefined;
        return { errorType: 'Lambda.Unknown', errorMessage: 'crashed', trace: [] };
      };
      expect(await reportOf(cloud, {})).toMatchObject({ found: 1, delivered: 0, alreadyHandled: 1 });
      expect(cloud.gateway.accepted).toBe(1);
    } finally {
      await cloud.close();
    }
  });

  it('leaves the execution of an upload alone when it is stopped', async () => {
    const cloud = await startCloud({ settings: { expectedSeconds: 60 }, waitMs: 300 });
    try {
      cloud.s3.put(cloud.uploadsBucket, 'own.jpg', CAT);
      const own = await until(() => cloud.stepFunctions.executions[0]);
      const stopped = await started(cloud, {});
      await until(() => statesOf(stopped).includes('Remove') || stopped.status !== 'RUNNING');
      cloud.stepFunctions.stop(stopped.arn);
      await cloud.settled();
      expect(own.status).toBe('SUCCEEDED');
      expect(cloud.s3.list(cloud.resultsBucket, 'own')).toEqual(['own.jpg.png']);
      expect(cloud.gateway.accepted).toBe(1);
    } finally {
      await cloud.close();
    }
  });
});

describe('a backfill of a bucket without versions', () => {
  let cloud: LocalCloud;
  const HOUR = 3_600_000;
  /** Uploads an object so many milliseconds ago, as far as S3 tells. */
  const putAt = (key: string, ageMs: number) => {
    cloud.s3.put('photos', key, CAT);
    cloud.s3.backdate('photos', key, ageMs);
  };
  const deadLetterQueue = () =>
    [...cloud.queues.values()].find(({ arn }) => arn.includes('IntakeDeadLetterQueue')) ?? expect.fail('no queue');

  beforeAll(async () => {
    cloud = await startCloud({
      settings: { uploadsBucket: 'photos', timeoutMinutes: 120 },
      existingBuckets: { photos: { versioned: false, eventBridge: true } },
    });
  });
  afterAll(() => cloud?.close());

  it('leaves alone what is younger than three timeouts and four hours: its own execution may be under way', async () => {
    for (const [key, hours] of [
      ['young/a.jpg', 0],
      ['young/b.jpg', 9.9],
      ['young/c.jpg', 10.1],
    ] as const) {
      putAt(key, hours * HOUR);
    }
    await cloud.settled();
    for (const key of ['young/a.jpg', 'young/b.jpg', 'young/c.jpg']) cloud.s3.delete(cloud.resultsBucket, `${key}.png`);
    expect(await reportOf(cloud, { prefix: 'young/', dryRun: true })).toMatchObject({
      examined: 3,
      found: 1,
      skipped: { recent: 2 },
    });
  });

  it('pays nothing for what failed after it was paid for: it redrives the execution that the error file names', async () => {
    cloud.gateway.always({ download: { status: 404 } });
    putAt('paid/a.jpg', 24 * HOUR);
    await cloud.settled();
    cloud.gateway.always({ download: 'normal' });
    const paid = cloud.gateway.accepted;
    expect(stored(cloud, 'paid/a.jpg.error.json')).toMatchObject({ error: 'DownloadFailed' });
    expect(await reportOf(cloud, { prefix: 'paid/' })).toMatchObject({ found: 1, delivered: 1 });
    expect(cloud.gateway.accepted).toBe(paid);
    expect(cloud.s3.list(cloud.resultsBucket, 'paid/')).toEqual(['paid/a.jpg.png']);
  });

  it('is refused while uploads wait, or lie among the dead letters, unless it is a dry run', async () => {
    deadLetterQueue().send('{}');
    const refused = await backfill(cloud, { prefix: 'paid/' });
    expect(refused).toMatchObject({ status: 'FAILED', error: 'InvalidInput' });
    expect(messageOf(refused)).toMatch(/dead-letter queue holds about 1 messages.*MoveDeadLettersCommand/);
    expect(await reportOf(cloud, { prefix: 'paid/', dryRun: true })).toMatchObject({ status: 'DRY_RUN' });
    deadLetterQueue().drain();
    expect(await reportOf(cloud, { prefix: 'paid/' })).toMatchObject({ status: 'COMPLETED' });
  });
});

describe('a backfill whose results bucket insists on its KMS key', () => {
  const key = 'arn:aws:kms:us-east-1:111122223333:key/cutouts';

  /** One image to process. @returns how the backfill ended, and what lies in the results bucket */
  async function run(except?: RegExp): Promise<{ execution: Execution; keys: string[] }> {
    const cloud = await startCloud({
      settings: { uploadsBucket: 'photos', resultsBucket: 'cutouts', resultsKmsKey: key },
      existingBuckets: {
        photos: { versioned: true, eventBridge: false },
        cutouts: { versioned: true, kmsPolicy: { key, ...(except && { except }) } },
      },
    });
    try {
      cloud.s3.put('photos', 'a.jpg', await picture(100));
      const execution = await backfill(cloud, {});
      const keys = cloud.s3.list('cutouts').map((name) => name.replace(/^(backfills)\/[^/]+/, '$1'));
      return { execution, keys };
    } finally {
      await cloud.close();
    }
  }

  it('writes its own files, and the results, with that key, if its policy lets Step Functions write its lists', async () => {
    const { execution, keys } = await run(/^backfills\/[^/]+\/(selected|removed)\//);
    expect(execution.status, messageOf(execution)).toBe('SUCCEEDED');
    expect(keys).toEqual(expect.arrayContaining(['a.jpg.png', 'backfills/images.jsonl', 'backfills/report.json']));
  });

  it('fails before anything is paid if its policy makes no exception', async () => {
    const { execution, keys } = await run();
    expect(execution).toMatchObject({ status: 'FAILED', error: 'MapRunFailed' });
    expect(execution.cause).toMatch(
      /^States\.ResultWriterFailed: .* start the backfill again: it submits none twice\.$/,
    );
    expect(keys).toEqual([]);
  });
});
