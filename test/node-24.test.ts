import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

/** Lets a Node.js that says it is of this version check itself. */
function checkOf(version: string) {
  const script = `
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });
    require('./node-24.cjs');
    console.log('goes on');
  `;
  return spawnSync(process.execPath, ['--eval', script], { cwd: ROOT, encoding: 'utf8' });
}

it.each(['20.20.2', '22.22.0', '24.1.0'])('Node.js %s is refused in one line that says what to do', (version) => {
  const { status, stdout, stderr } = checkOf(version);
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(new RegExp(`^.*Node.js 24.2 .*${version}.*"npm ci --ignore-scripts=false".*\\n$`));
});

it.each(['24.2.0', '25.0.0'])('Node.js %s will do', (version) => {
  expect(checkOf(version)).toMatchObject({ status: 0, stdout: 'goes on\n', stderr: '' });
});

it('every npm script checks its Node.js before that has to read TypeScript', () => {
  const scripts: Record<string, string> = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts;
  const commands = Object.values(scripts).flatMap((script) => script.split(' && '));
  const typescript = commands.filter((command) => command.includes('.ts'));
  expect(typescript.length).toBeGreaterThan(8);
  expect(typescript.filter((command) => !command.startsWith('node -r ./node-24.cjs '))).toEqual([]);
});
