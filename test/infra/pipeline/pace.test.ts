import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paceOf } from '../../../infra/pipeline/pace.ts';

const TIMEOUT_MS = 30_000;

describe('the pace at which uploads are started', () => {
  it('is five batches of ten at once, without a wait', () => {
    expect(paceOf({})).toEqual({ batchSize: 10, maxConcurrency: 5, msPerUpload: 0 });
    expect(paceOf({ maxConcurrency: 20 })).toEqual({ batchSize: 10, maxConcurrency: 20, msPerUpload: 0 });
  });

  it.each([
    [6, { batchSize: 1, maxConcurrency: 2, msPerUpload: 20_000 }],
    [75, { batchSize: 1, maxConcurrency: 2, msPerUpload: 1_600 }],
    [300, { batchSize: 2, maxConcurrency: 2, msPerUpload: 400 }],
    [6_000, { batchSize: 10, maxConcurrency: 2, msPerUpload: 20 }],
    [18_000, { batchSize: 10, maxConcurrency: 6, msPerUpload: 20 }],
  ])('is no more than %i a minute', (uploadsPerMinute, pace) => {
    expect(paceOf({ uploadsPerMinute })).toEqual(pace);
  });

  it('stays within the limit, and an invocation within its timeout, whatever the limit is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 6, max: 18_000 }), (uploadsPerMinute) => {
        const { batchSize, maxConcurrency, msPerUpload } = paceOf({ uploadsPerMinute });
        expect((maxConcurrency * 60_000) / msPerUpload).toBeLessThanOrEqual(uploadsPerMinute);
        // Rounding to milliseconds costs the fastest most.
        expect((maxConcurrency * 60_000) / msPerUpload).toBeGreaterThan(uploadsPerMinute * 0.9);
        expect(batchSize * maxConcurrency).toBeLessThanOrEqual(Math.max(2, uploadsPerMinute / 60));
        expect(batchSize * msPerUpload).toBeLessThanOrEqual(TIMEOUT_MS - 10_000);
      }),
    );
  });
});
