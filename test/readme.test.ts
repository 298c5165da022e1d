import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ALARMS } from '../infra/parts/monitoring.ts';

const README = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
const PACKAGE = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'));

/** The cells of a table, by what its first column's head is. */
function table(head: string): string[][] {
  const lines = README.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  const rest = lines.slice(start + 2);
  const rows = rest.slice(
    0,
    rest.findIndex((line) => !line.startsWith('|')),
  );
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe('README', () => {
  it('says what to do for every alarm', () => {
    expect(table('Alarm').map(([name]) => name)).toEqual(Object.keys(ALARMS).map((name) => `\`${name}\``));
  });

  it('says of every dependency why it is there', () => {
    const start = README.indexOf('### Dependencies');
    const cells = [...README.slice(start).matchAll(/^\| (`.*?) \|/gm)].map(([, cell = '']) => cell);
    const named = cells.flatMap((cell) => [...cell.matchAll(/`([@\w/-]+)`/g)].map(([, name]) => name));
    expect(named.sort()).toEqual(Object.keys(PACKAGE.devDependencies).sort());
    expect(PACKAGE).not.toHaveProperty('dependencies');
  });
});
