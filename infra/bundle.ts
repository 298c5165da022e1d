import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { BUNDLES } from './paths.ts';

const FUNCTIONS = join(import.meta.dirname, '../functions');

/**
 * Bundles every function into `dist/functions/<name>/index.mjs`, AWS SDK included, so that what runs is what was
 * tested. The metafiles beside them say what each bundle is made of.
 */
export async function bundleFunctions(): Promise<void> {
  rmSync(BUNDLES, { recursive: true, force: true });
  const names = readdirSync(FUNCTIONS)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length));
  await Promise.all(names.map(bundle));
}

async function bundle(name: string): Promise<void> {
  const { metafile } = await build({
    entryPoints: [join(FUNCTIONS, `${name}.ts`)],
    outfile: join(BUNDLES, name, 'index.mjs'),
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
    // Some CommonJS dependencies call require() for Node's own modules, which an ES module does not have.
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  });
  writeFileSync(join(BUNDLES, `${name}.meta.json`), JSON.stringify(metafile));
}

if (import.meta.main) await bundleFunctions();
