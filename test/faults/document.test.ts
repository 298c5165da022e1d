import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { collectRows, documentOf } from './matrix.ts';

const FILE = join(import.meta.dirname, '../../docs/faults.md');

const rows = await collectRows();

describe('docs/faults.md', () => {
  it('holds the rows that the tests prove, and no others', () => {
    const document = documentOf(rows);
    if (process.env.UPDATE_FAULTS) writeFileSync(FILE, document);
    expect(readFileSync(FILE, 'utf8')).toBe(document);
    expect(rows.length).toBeGreaterThan(150);
  });

  it('says each thing once', () => {
    const names = rows.map(({ area, fault }) => `${area}: ${fault}`);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});
