import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../local/cloud.ts';
import {
  cloud,
  paid,
  put,
  report,
  reportOf,
  shareFilledBucket,
  small,
  startUnversioned,
  stored,
} from '../backfill-rig.ts';
import { CAT, picture } from '../pictures.ts';
import { execute } from '../pipeline-rig.ts';

shareFilledBucket();

describe('a backfill of a bucket that was filled before and tells of no uploads', () => {
  it('does again what has been overwritten since its result', async () => {
    put('again/a.jpg', 'again/b.jpg');
    await report('again/');
    // S3 tells times to the second.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    cloud.s3.put('photos', 'again/a.jpg', await picture(100));
    expect(await report('again/')).toMatchObject({ found: 1, skipped: { hasResult: 1 }, delivered: 1 });
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

  it('skips an object that S3 does not tell of, and handles all others', async () => {
    put('some-denied/a.jpg', 'some-denied/secret.jpg');
    cloud.s3.onRequest = ({ operation, key }) =>
      operation === 'HeadObject' && key === 'some-denied/secret.jpg'
        ? { status: 403, code: 'AccessDenied' }
        : undefined;
    expect(await report('some-denied/')).toMatchObject({ skipped: { unreadable: 1 }, delivered: 1 });
    cloud.s3.onRequest = undefined;
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

  beforeAll(async () => {
    cloud = await startUnversioned();
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
});
