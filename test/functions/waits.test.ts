import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { waitSeconds } from '../../functions/shared/waits.ts';

const PLENTY = 21_600;

describe('the wait before the next look at a status', () => {
  it('grows with the age of the job from 5 to 30 s', () => {
    const waits = [0, 15, 30, 60, 120, 180, 600, 20_000].map((ageSeconds) =>
      waitSeconds({ ageSeconds, remainingSeconds: PLENTY }),
    );
    expect(waits).toEqual([5, 5, 5, 10, 20, 30, 30, 30]);
  });

  it('is as long as the gateway asks for', () => {
    expect(waitSeconds({ ageSeconds: 0, remainingSeconds: PLENTY, retryAfterSeconds: 120 })).toBe(120);
  });

  it('is no shorter because the gateway would allow it', () => {
    expect(waitSeconds({ ageSeconds: 120, remainingSeconds: PLENTY, retryAfterSeconds: 0 })).toBe(20);
    expect(waitSeconds({ ageSeconds: 0, remainingSeconds: PLENTY, retryAfterSeconds: 1 })).toBe(5);
  });

  it('ends with the time of the job, whatever the gateway asks for', () => {
    expect(waitSeconds({ ageSeconds: 3_000, remainingSeconds: 12, retryAfterSeconds: 3_600 })).toBe(12);
    expect(waitSeconds({ ageSeconds: 3_000, remainingSeconds: 12 })).toBe(12);
  });

  it('is whole seconds, at least 5 and at most 5 past the time of the job', () => {
    const seconds = fc.double({ min: 0, max: 100_000, noNaN: true });
    const asked = fc.option(fc.oneof(seconds, fc.constant(Number.POSITIVE_INFINITY)), { nil: undefined });
    fc.assert(
      fc.property(seconds, seconds, asked, (ageSeconds, remainingSeconds, retryAfterSeconds) => {
        const wait = waitSeconds({ ageSeconds, remainingSeconds, retryAfterSeconds });
        expect(Number.isInteger(wait)).toBe(true);
        expect(wait).toBeGreaterThanOrEqual(5);
        expect(wait).toBeLessThanOrEqual(Math.max(5, Math.ceil(remainingSeconds)));
      }),
    );
  });
});
