import { describe, expect, it } from 'vitest';
import type { Execution } from '../local/step-functions.ts';
import {
  backfill,
  cloud,
  cutouts,
  paid,
  put,
  report,
  reportOf,
  shareFilledBucket,
  started,
  stored,
} from './backfill-rig.ts';
import { messageOf, statesOf } from './executions.ts';
import { CAT, picture } from './pictures.ts';
import { startCloud } from './pipeline-rig.ts';
import { until } from './until.ts';

/** Backfills as a whole. */

shareFilledBucket();

describe('a backfill of a bucket that was filled before and tells of no uploads', () => {
  it('delivers everything and reports what came of it; a second one finds nothing left', async () => {
    put('all/a.jpg', 'all/b/ü+ %20.jpg', 'all/c.jpg');
    expect(await report('all/')).toMatchObject({ status: 'COMPLETED', images: 3, delivered: 3, failed: {} });
    expect(cutouts('all/')).toEqual(['all/a.jpg.png', 'all/b/ü+ %20.jpg.png', 'all/c.jpg.png']);
    expect(paid()).toBe(3);
    expect(await report('all/')).toMatchObject({ examined: 3, found: 0, skipped: { hasResult: 3 }, delivered: 0 });
    expect(paid()).toBe(0);
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
