import fc from 'fast-check';
import { expect } from 'vitest';
import { isErrorName } from '../../functions/errors.ts';
import { API_KEY, SIGNATURE, seed } from './hostile.ts';

/** Checks of whatever comes in. */

export function check<T>(
  numRuns: number,
  values: fc.Arbitrary<T>,
  property: (value: T) => Promise<unknown>,
): Promise<void> {
  return fc.assert(
    fc.asyncProperty(values, async (value) => void (await property(value))),
    { seed, numRuns },
  );
}

/** What `work` comes to: a value, or an error that has a name of ours and keeps secrets. */
export async function outcomeOf<T>(work: () => T | Promise<T>): Promise<{ value: T } | { error: Error }> {
  try {
    return { value: await work() };
  } catch (error) {
    const { name, message } = error as Error;
    expect(isErrorName(name), `${name}: ${message}`).toBe(true);
    expect(message).not.toContain(SIGNATURE);
    expect(message).not.toContain(API_KEY);
    expect(message.length).toBeLessThan(20_000);
    return { error: error as Error };
  }
}
