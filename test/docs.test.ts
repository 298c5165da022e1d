import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PAGES } from '../docs/generate.ts';

describe('the documentation', () => {
  it.each(Object.entries(PAGES))('has %s as the code says it; if not, run npm run docs', (name, page) => {
    expect(readFileSync(join(import.meta.dirname, '../docs', name), 'utf8')).toBe(page());
  });
});
