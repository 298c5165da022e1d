import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { settingsTable } from '../../../infra/settings/document.ts';

const FILE = join(import.meta.dirname, '../../../README.md');
const PART = /(?<=<!-- settings[^>]*-->\n).*?(?=<!-- \/settings -->)/s;

describe('the documentation of the settings', () => {
  it('is the table that the settings are read by (UPDATE_SETTINGS=1 writes it)', () => {
    const part = `\n${settingsTable()}\n`;
    const text = readFileSync(FILE, 'utf8').replace(PART, (old) => (process.env.UPDATE_SETTINGS ? part : old));
    if (process.env.UPDATE_SETTINGS) writeFileSync(FILE, text);
    expect(PART.exec(text)?.[0]).toBe(part);
  });

  it('has five cells in each row, whatever a text of the table says', () => {
    for (const row of settingsTable().trimEnd().split('\n')) expect(row.split('|')).toHaveLength(7);
  });
});
