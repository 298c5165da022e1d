import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MUTATIONS } from './table.ts';

/**
 * Applies each mutation to a copy of the tree, and runs the test that must notice it.
 *
 *   npx node test/mutations/run.ts            all of them: half an hour
 *   npx node test/mutations/run.ts deliver    those whose file or words match this
 */
const ROOT = join(import.meta.dirname, '../..');
const wanted = new RegExp(process.argv[2] ?? '');
const chosen = MUTATIONS.filter(({ file, what }) => wanted.test(`${file} ${what}`));
const copy = mkdtempSync(join(tmpdir(), 'mutations-'));
const survivors: string[] = [];
/** Tests that pass as long as nothing is changed. */
const sound = new Set<string>();

function passes(test: string): boolean {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  return spawnSync(process.execPath, [vitest, 'run', test, '--bail', '1'], { cwd: copy, stdio: 'ignore' }).status === 0;
}

try {
  const files = execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n');
  for (const file of files) cpSync(join(ROOT, file), join(copy, file));
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'junction');
  for (const { file, find, replace, what, test } of chosen) {
    if (!sound.has(test) && !passes(test)) throw new Error(`${test} falls without any mutation`);
    sound.add(test);
    const path = join(copy, file);
    const text = readFileSync(path, 'utf8');
    const line = text.slice(0, text.indexOf(find)).split('\n').length;
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
    const hasFallen = !passes(test);
    writeFileSync(path, text);
    if (!hasFallen) survivors.push(`${file}:${line}`);
    console.log(`${hasFallen ? 'fell    ' : 'SURVIVED'}  ${file}:${line}  ${what}  (${test})`);
  }
} finally {
  rmSync(copy, { recursive: true });
}
console.log(`${chosen.length - survivors.length} of ${chosen.length} mutations were noticed.`);
if (survivors.length > 0) process.exitCode = 1;
