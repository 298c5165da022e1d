import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ERROR_NAMES } from '../functions/errors.ts';

const ROOT = join(import.meta.dirname, '..');
const FILES = globSync('{functions,infra,commands,local,bench,examples,docs}/**/*.ts', { cwd: ROOT });

/** Where a name may stand: where it is thrown, and where one kind of failure is told from all others. */
const THROWN_OR_TOLD = /(CutoutError|isError|failedWith)\([^()]*$/;

/** The other places besides the table, where names are no literals, each with what it does there. */
const ELSEWHERE: Record<string, string> = {
  'functions/gateway/client.ts': 'which status of the gateway is thrown as which error',
  'functions/results/failure.ts': 'what an execution that AWS ended is reported as',
  'infra/backfill/retry.ts': 'the one error that the functions of a backfill throw on purpose',
  'infra/backfill/redrive.ts': 'what an execution that somebody stopped ends as',
  'infra/parts/monitoring.ts': 'the name of an alarm',
  'functions/gateway/polling.ts': 'what is said of a poll without a usable answer',
  'commands/shared/history.ts': 'what a history tells of payments',
  'local/gateway/answers.ts': "the gateway's own words",
  'local/s3.ts': "S3's own name",
  'local/simulation/objects.ts': "S3's own name",
  'docs/errors.ts': 'an example',
};

it('The name of an error is written where it is thrown or told from others; what it means for retries, redrives and advice, the table alone says', () => {
  const literals = new RegExp(`'(${ERROR_NAMES.join('|')})'`, 'g');
  const found = FILES.filter((file) => {
    // Comments aside.
    const text = readFileSync(join(ROOT, file), 'utf8').replace(/^\s*(\*|\/\/|\/\*\*).*$/gm, '');
    return [...text.matchAll(literals)].some(({ index }) => !THROWN_OR_TOLD.test(text.slice(0, index)));
  });
  expect(found.map((file) => file.replaceAll('\\', '/')).sort()).toEqual(Object.keys(ELSEWHERE).sort());
});
