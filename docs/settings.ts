import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingsTable } from '../infra/settings/document.ts';

const PART = /(?<=<!-- settings[^>]*-->\n).*?(?=<!-- \/settings -->)/s;

/** The page on settings, in which only their table is made from the code. */
export function settingsPage(): string {
  return readFileSync(join(import.meta.dirname, 'settings.md'), 'utf8').replace(PART, `\n${settingsTable()}\n`);
}
