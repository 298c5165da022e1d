import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../local/cloud.ts';
import { messageOf } from './executions.ts';
import { startCloud, upload } from './pipeline-rig.ts';

describe('where uploads and results turn out to be in one bucket only at deployment', () => {
  let cloud: LocalCloud;
  beforeAll(async () => {
    cloud = await startCloud({
      settings: { uploadsBucket: 'photos', resultsBucket: 'cutouts', resultsPrefix: 'out/' },
      existingBuckets: { photos: { versioned: true }, cutouts: { versioned: true } },
      // As if resultsBucket were a parameter, with the same value as uploadsBucket.
      environment: { RESULTS_BUCKET: 'photos' },
    });
  });
  afterAll(() => cloud.close());

  it('a result is not paid for as an upload, and its failure is no upload either', async () => {
    await upload(cloud, 'cat.jpg');
    const [first, second, ...others] = cloud.stepFunctions.executions;
    expect(first?.status).toBe('SUCCEEDED');
    expect(second).toMatchObject({ status: 'FAILED', error: 'InvalidInput' });
    expect(second && messageOf(second)).toContain('"key" is among the results');
    expect(others).toEqual([]);
    expect(cloud.gateway.submissions).toHaveLength(1);
    expect(cloud.s3.list('photos')).toEqual(['cat.jpg', 'out/cat.jpg.png']);
  });
});
