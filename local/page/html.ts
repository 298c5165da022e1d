import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Still } from './content.ts';

const STYLES = ['base', 'desk', 'row', 'compare', 'states', 'commands'].map((name) => `styles/${name}.css`);

/** A page in one file, and the policy by which a browser runs no other script and asks nobody else for anything. */
export interface Page {
  html: string;
  policy: string;
}

/** Makes the page, from its HTML, its styles and the script that esbuild makes of `browser/`. */
export async function makePage(still?: Still): Promise<Page> {
  const read = (name: string) => readFileSync(join(import.meta.dirname, name), 'utf8');
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'browser/main.ts')],
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    write: false,
    logLevel: 'warning',
  });
  const script = outputFiles[0]?.text.trim() ?? '';
  const html = [
    ['<style></style>', `<style>${STYLES.map(read).join('\n')}</style>`],
    ['>null</script>', `>${jsonInHtml(still ?? null)}</script>`],
    ['<script></script>', `<script>${script}</script>`],
  ].reduce((made, [place = '', content = '']) => made.replace(place, () => content), read('page.html'));
  const hash = createHash('sha256').update(script).digest('base64');
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${hash}'`,
    "style-src 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { html, policy };
}

/** JSON that ends no element of HTML. */
function jsonInHtml(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}
