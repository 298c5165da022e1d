import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorsPage } from './errors.ts';
import { localPage } from './local.ts';
import { settingsPage } from './settings.ts';

/** The pages that are made from the code, wholly or in part, by file name in this folder. */
export const PAGES: Record<string, () => string> = {
  'errors.md': errorsPage,
  'local.md': localPage,
  'settings.md': settingsPage,
};

if (import.meta.main) {
  for (const [name, page] of Object.entries(PAGES)) writeFileSync(join(import.meta.dirname, name), page());
}
