import { expect } from 'vitest';
import { SettingError } from '../../infra/settings/readers.ts';

/** The message of the SettingError that this throws. */
export function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(SettingError);
    return (error as Error).message;
  }
  throw new Error('Accepted');
}
