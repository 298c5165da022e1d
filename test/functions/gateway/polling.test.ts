import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { waitSeconds } from '../../../functions/gateway/polling.ts';

const PLENTY = 21_600;

describe('the wait before the next poll', () => {
  it('is 5 s up to an age of 2 minutes, then 1/24 of the age up to 30 s, and up to 120 s after an hour', () => {
    const waits = [-60, 0, 60, 120, 240, 481, 720, 3_599, 3_600, 20_000].map((ageSeconds) =>
      waitSeconds({ ageSeconds, remainingSeconds: PLENTY }),
    );
    expect(waits).toEqual([5, 5, 5, 5, 10, 21, 30, 30, 120, 120]);
  });

  it.each([
    [5, 5],
    [5.5, 6],
    [31, 31],
    [3_600, 3_600],
    [86_400, 3_600],
  ])('is no shorter than the %d s that the gateway asks for, up to an hour: %i s', (retryAfterSeconds, wait) => {
    expect(waitSeconds({ ageSeconds: 0, remainingSeconds: PLENTY, retryAfterSeconds })).toBe(wait);
  });

  it('is no shorter because the gateway would allow it', () => {
    expect(waitSeconds({ ageSeconds: 600, remainingSeconds: PLENTY, retryAfterSeconds: 0 })).toBe(25);
    expect(waitSeconds({ ageSeconds: 0, remainingSeconds: PLENTY, retryAfterSeconds: 1 })).toBe(5);
  });

  it('ends when the time of the job does, whatever the gateway asks for', () => {
    expect(waitSeconds({ ageSeconds: 3_000, remainingSeconds: 12, retryAfterSeconds: 3_600 })).toBe(12);
    expect(waitSeconds({ ageSeconds: 3_000, remainingSeconds: 11.2 })).toBe(12);
    expect(waitSeconds({ ageSeconds: 3_000, remainingSeconds: 0.01 })).toBe(1);
  });

  it('is a whole number from 1 to 3,600, as the state Wait takes it, and at most 1 s past the time of the job', () => {
    const seconds = fc.double({ min: 0, max: 100_000, noNaN: true });
    const asked = fc.option(fc.oneof(seconds, fc.constant(Number.POSITIVE_INFINITY)), { nil: undefined });
    fc.assert(
      fc.property(seconds, seconds, asked, (ageSeconds, remainingSeconds, retryAfterSeconds) => {
        const wait = waitSeconds({ ageSeconds, remainingSeconds, retryAfterSeconds });
        expect(Number.isInteger(wait)).toBe(true);
        expect(wait).toBeGreaterThanOrEqual(1);
        expect(wait).toBeLessThanOrEqual(3_600);
        expect(wait).toBeLessThanOrEqual(remainingSeconds + 1);
      }),
    );
  });
});
