import { expect, it } from 'vitest';
import { settingsTable } from '../../../infra/settings/document.ts';

it('The table of settings has five cells in each row, whatever a text of it says', () => {
  for (const row of settingsTable().trimEnd().split('\n')) expect(row.split('|')).toHaveLength(7);
});
