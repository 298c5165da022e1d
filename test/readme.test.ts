import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REMEDIES } from '../functions/errors.ts';
import { ALARMS } from '../infra/parts/monitoring.ts';
import { RETRY } from '../infra/pipeline/workflow.ts';

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
  it('explains every error, and none that does not exist', () => {
    expect(table('Error').map(([name]) => name)).toEqual(Object.keys(REMEDIES).map((name) => `\`${name}\``));
  });

  it('says "no" to retries of what a submission is never repeated for', () => {
    const retried = new Map(table('Error').map(([name, , how]) => [name, how]));
    const [never] = RETRY.submit;
    for (const name of never?.errors ?? []) {
      expect(retried.get(`\`${name}\``), name).toMatch(
        name === 'Unauthorized' ? /^once, with a key read afresh$/ : /^no$/,
      );
    }
  });

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
