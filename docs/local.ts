import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DAYS } from '../local/page/bad-days.ts';

const PART = /(?<=<!-- days[^>]*-->\n).*?(?=<!-- \/days -->)/s;

/** The page on the local run, in which only the table of the gateway's days is made from the code. */
export function localPage(): string {
  const lines = DAYS.map(
    ({ title, says, needsWebhook }) => `| ${title}${needsWebhook ? ' (webhook mode only)' : ''} | ${says} |`,
  );
  const table = ['| Gateway | What happens |', '| --- | --- |', ...lines].join('\n');
  return readFileSync(join(import.meta.dirname, 'local.md'), 'utf8').replace(PART, `\n${table}\n\n`);
}
