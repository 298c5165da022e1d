import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WAITS_SECONDS, waitSeconds } from '../../../functions/gateway/polling.ts';

const PLENTY = 21_600;

describe('the wait before the next look at a status', () => {
  it('grows with the age of the job from 5 to 30 s', () => {
    const waits = [-60, 0, 60, 239, 240, 480, 719, 720, 20_000].map((ageSeconds) =>
      waitSeconds({ ageSeconds, remainingSeconds: PLENTY }),
    );
    expect(waits).toEqual([5, 5, 5, 5, 10, 20, 20, 30, 30]);
  });

  it.each([
    [5, 5],
    [6, 10],
    [31, 60],
    [120, 120],
    [3_600, 3_600],
    [86_400, 3_600],
  ])('is no shorter than the %i s that the gateway asks for, up to an hour: %i s', (retryAfterSeconds, wait) => {
    expect(waitSeconds({ ageSeconds: 0, remainingSeconds: PLENTY, retryAfterSeconds })).toBe(wait);
  });

  it('is no shorter because the gateway would allow it', () => {
    expect(waitSeconds({ ageSeconds: 600, remainingSeconds: PLENTY, retryAfterSeconds: 0 })).toBe(20);
    expect(waitSeconds({ ageSeconds: 0, remainingSeconds: PLENTY, retryAfterSeconds: 1 })).toBe(5);
  });

  it('ends with the time of the job, whatever the gateway asks for', () => {
    expect(waitSeconds({ ageSeconds: 3_000, remainingSeconds: 12, retryAfterSeconds: 3_600 })).toBe(10);
    expect(waitSeconds({ ageSeconds: 3_000, remainingSeconds: 12 })).toBe(10);
    expect(waitSeconds({ ageSeconds: 3_000, remainingSeconds: 1 })).toBe(5);
    expect(waitSeconds({ ageSeconds: 3_000, remainingSeconds: 599, retryAfterSeconds: 3_600 }), 'a bit late').toBe(600);
  });

  it('is one that the state machine has a retrier for, and at most 5 s past the time of the job', () => {
    const seconds = fc.double({ min: 0, max: 100_000, noNaN: true });
    const asked = fc.option(fc.oneof(seconds, fc.constant(Number.POSITIVE_INFINITY)), { nil: undefined });
    fc.assert(
      fc.property(seconds, seconds, asked, (ageSeconds, remainingSeconds, retryAfterSeconds) => {
        const wait = waitSeconds({ ageSeconds, remainingSeconds, retryAfterSeconds });
        expect(WAITS_SECONDS).toContain(wait);
        expect(wait).toBeLessThanOrEqual(remainingSeconds + 5);
      }),
    );
  });
});
