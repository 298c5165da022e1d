import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MUTATIONS } from './mutations/table.ts';

const ROOT = join(import.meta.dirname, '..');

describe('the table of mutations', () => {
  it('fits the code: what is to be changed stands there exactly once, and the test exists', () => {
    const misfits = MUTATIONS.filter(({ file, find, test }) => {
      const parts = readFileSync(join(ROOT, file), 'utf8').split(find).length - 1;
      return parts !== 1 || !existsSync(join(ROOT, test));
    });
    expect(misfits).toEqual([]);
  });

  it('has at least 60, each of which changes something', () => {
    expect(MUTATIONS.length).toBeGreaterThanOrEqual(60);
    for (const { find, replace } of MUTATIONS) expect(replace).not.toBe(find);
  });
});
