import { describe, expect, it } from 'vitest';
import { cloud, paid, put, report, shareFilledBucket, stored } from '../backfill-rig.ts';

shareFilledBucket();

describe('a backfill of a bucket that was filled before and tells of no uploads', () => {
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

  it('stops at maxImages, and goes on with the others the next time', async () => {
    put('limit/a.jpg', 'limit/b.jpg', 'limit/c.jpg');
    const limited = await report('limit/', { maxImages: 2 });
    expect(limited).toMatchObject({ found: 3, images: 2, priceUsd: 0.036, delivered: 2 });
    expect(paid()).toBe(2);
    expect(await report('limit/', { maxImages: 2 })).toMatchObject({ found: 1, images: 1, delivered: 1 });
  });
});
