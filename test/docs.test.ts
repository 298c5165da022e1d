import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PAGES } from '../docs/generate.ts';
import { ALARMS } from '../infra/parts/monitoring.ts';

const ROOT = join(import.meta.dirname, '..');
const TEXTS = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'local/README.md',
  ...readdirSync(join(ROOT, 'docs')).flatMap((name) => (name.endsWith('.md') ? `docs/${name}` : [])),
].filter((name) => existsSync(join(ROOT, name)));
const PACKAGE = JSON.parse(read('package.json'));

function read(name: string): string {
  return readFileSync(join(ROOT, name), 'utf8');
}

/** The anchors that GitHub makes of a text's headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The cells of a table's rows, by what its first column's head is. */
function table(text: string, head: string): string[][] {
  const lines = text.split('\n');
  const rows = lines.slice(lines.findIndex((line) => line.startsWith(`| ${head} |`)) + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe('the documentation', () => {
  it.each(Object.entries(PAGES))('has %s as the code says it; if not, run npm run docs', (name, page) => {
    expect(read(`docs/${name}`)).toBe(page());
  });

  it.each(TEXTS)('%s leads to files and headings that exist', (name) => {
    const dead = [...read(name).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)].filter(
      ([, path = '', anchor]) => {
        const file = path === '' ? name : join(dirname(name), path);
        if (!existsSync(join(ROOT, file))) return true;
        return anchor !== undefined && !anchorsOf(read(file)).includes(anchor);
      },
    );
    expect(dead.map(([link]) => link)).toEqual([]);
  });

  it.each(TEXTS)('%s names only npm scripts that exist', (name) => {
    const scripts = [...read(name).matchAll(/npm run ([\w-]+)/g)].map(([, script]) => script);
    expect(scripts.filter((script) => !Object.hasOwn(PACKAGE.scripts, String(script)))).toEqual([]);
  });

  it('says what to do for every alarm', () => {
    const names = table(read('docs/operate.md'), 'Alarm').map(([name]) => name);
    expect(names).toEqual(Object.keys(ALARMS).map((name) => `\`${name}\``));
  });

  it('says of every dependency why it is there', () => {
    const text = read('CONTRIBUTING.md');
    const cells = [...text.slice(text.indexOf('## Dependencies')).matchAll(/^\| (`.*?) \|/gm)].map(
      ([, cell = '']) => cell,
    );
    const named = cells.flatMap((cell) => [...cell.matchAll(/`([@\w/-]+)`/g)].map(([, name]) => name));
    expect(named.sort()).toEqual(Object.keys(PACKAGE.devDependencies).sort());
    expect(PACKAGE).not.toHaveProperty('dependencies');
  });
});

it('README is the front door: at most 200 lines', () => {
  expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(200);
});
