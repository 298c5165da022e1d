import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CASES } from './cases/table.ts';
import { NOT_OFFERED } from './gateway/switches.ts';

const NAMES = CASES.map(({ name }) => name);

/** The rows of a section's table, each as its cells. */
function rowsOf(section: string): string[][] {
  const page = readFileSync(join(import.meta.dirname, '../../docs/claims.md'), 'utf8');
  const [, text = ''] = page.split(`## ${section}\n`);
  const [own = ''] = text.split('\n## ');
  const rows = own.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) => row.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim()));
}

describe('the table of claims', () => {
  it.each(rowsOf('On AWS'))('has a case for: %s', (_claim, where, cases) => {
    expect(where).toMatch(/^\[.+\]\(.+\)$/);
    const named = cases?.split('; ') ?? [];
    expect(named).not.toEqual([]);
    expect(named.filter((name) => !NAMES.includes(name))).toEqual([]);
  });

  it.each(rowsOf('What no run settles'))('says why no case settles: %s', (_claim, where, why) => {
    expect(where).toMatch(/^\[.+\]\(.+\)$/);
    expect(why?.split(' ').length).toBeGreaterThan(3);
  });

  it('is not empty', () => {
    expect(rowsOf('On AWS').length).toBeGreaterThan(20);
    expect(rowsOf('What no run settles').length).toBeGreaterThan(5);
  });
});

describe('the table of cases', () => {
  it('gives each case a name of its own', () => {
    expect(new Set(NAMES).size).toBe(NAMES.length);
  });

  it('gives a reason for each behaviour of the local gateway that no function URL can do', () => {
    for (const why of Object.values(NOT_OFFERED)) expect(why.split(' ').length).toBeGreaterThan(3);
  });
});
