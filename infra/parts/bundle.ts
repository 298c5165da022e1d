import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { BUNDLES } from './paths.ts';

const FUNCTIONS = join(import.meta.dirname, '../../functions');

/**
 * Has `node:http` required. Where an ES module imports it, Node evaluates all that it exports at once, and with that loads
 * the whole of undici.
 */
const requireHttp: Plugin = {
  name: 'require-http',
  setup({ onResolve, onLoad }) {
    const namespace = 'required';
    onResolve({ filter: /^(node:)?http$/ }, (module) =>
      module.namespace === namespace ? { path: 'node:http', external: true } : { path: 'node:http', namespace },
    );
    onLoad({ filter: /.*/, namespace }, ({ path }) => ({ contents: `module.exports = require('${path}');` }));
  },
};

/** How esbuild makes code that Lambda runs. */
export const LAMBDA_CODE = {
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  mainFields: ['module', 'main'],
  logLevel: 'warning',
  // Some CommonJS dependencies call require() for Node's own modules, which an ES module does not have.
  banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
} satisfies BuildOptions;

/**
 * Bundles every function into `dist/functions/<name>/<name>.mjs`, AWS SDK included, so that what runs is what was
 * tested. The metafiles beside them say what each bundle is made of.
 */
export async function bundleFunctions(): Promise<void> {
  const names = readdirSync(FUNCTIONS)
    .filter((file) => file.endsWith('.ts') && isHandler(join(FUNCTIONS, file)))
    .map((file) => file.slice(0, -'.ts'.length));
  await Promise.all(names.map(bundle));
  // What earlier builds left and no function is made of any more; the others are replaced in place, so that nobody ever
  // finds them missing.
  const current = names.flatMap((name) => [name, bundleOf(name), `${bundleOf(name)}.map`, metafileOf(name)]);
  for (const entry of readdirSync(BUNDLES, { recursive: true, encoding: 'utf8' })) {
    if (!current.includes(entry)) rmSync(join(BUNDLES, entry), { recursive: true, force: true });
  }
}

async function bundle(name: string): Promise<void> {
  const { metafile } = await build({
    ...LAMBDA_CODE,
    plugins: [requireHttp],
    entryPoints: [join(FUNCTIONS, `${name}.ts`)],
    outfile: join(BUNDLES, bundleOf(name)),
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
  });
  writeFileSync(join(BUNDLES, metafileOf(name)), JSON.stringify(metafile));
}

/** Whether a file beside the handlers is one, and not something that they share. */
function isHandler(path: string): boolean {
  return /^export const handler\b/m.test(readFileSync(path, 'utf8'));
}

function bundleOf(name: string): string {
  return join(name, `${name}.mjs`);
}

function metafileOf(name: string): string {
  return `${name}.meta.json`;
}

if (import.meta.main) await bundleFunctions();
