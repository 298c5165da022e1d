import { describe, expect, it } from 'vitest';
import { backfill, cloud, cutouts, paid, put, report, shareFilledBucket, stored } from '../backfill-rig.ts';

shareFilledBucket();

describe('a backfill of a bucket that was filled before and tells of no uploads', () => {
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

  it('reads a key that holds characters at which some readers of lines split', async () => {
    put('lines/a\u2028b\u2029c\u0085.jpg');
    expect(await report('lines/')).toMatchObject({ found: 1, delivered: 1 });
    expect(cutouts('lines/')).toEqual(['lines/a\u2028b\u2029c\u0085.jpg.png']);
  });
});
