import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

it.each(['functions', 'infra', 'commands', 'local', 'bench', 'test', 'examples', 'docs'])(
  'no TypeScript file in %s has more than 300 lines',
  (folder) => {
    const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
    const files = names.filter((name) => name.endsWith('.ts')).map((name) => join(folder, name));
    const linesOf = (file: string) => readFileSync(join(ROOT, file), 'utf8').trimEnd().split('\n').length;
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => linesOf(file) > 300)).toEqual([]);
  },
);
