import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '../..');
const LIBRARY = join(ROOT, 'dist/library');
const TYPES = join(LIBRARY, 'types');

/**
 * Builds the construct library as one CommonJS file, which `require` and `import` both load: no class exists twice, and
 * tools that cannot load ES modules, such as Jest, work with it, too.
 */
async function buildLibrary(): Promise<void> {
  rmSync(LIBRARY, { recursive: true, force: true });
  await build({
    entryPoints: [join(ROOT, 'infra/index.ts')],
    outfile: join(LIBRARY, 'index.cjs'),
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // CommonJS has no import.meta. An ES module that an app is bundled into has no __filename either.
    define: { 'import.meta.filename': 'thisFile' },
    banner: { js: "const thisFile = typeof __filename === 'string' ? __filename : process.argv[1];" },
    // Errors and reports name classes.
    keepNames: true,
    logLevel: 'warning',
  });
  declareTypes();
}

/** Writes the declarations that the library's users can reach, marked as those of CommonJS. */
function declareTypes(): void {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', TYPES], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  writeFileSync(join(TYPES, 'package.json'), '{ "type": "commonjs" }\n');
  const used = reachable(join(TYPES, 'infra/index.d.ts'));
  for (const name of readdirSync(TYPES, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('.d.ts') && !used.has(join(TYPES, name))) rmSync(join(TYPES, name));
  }
}

/** A declaration file, and those that it imports, directly or not. */
function reachable(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(/(?:from |import\()'(\..+?)\.ts'/g)) {
    reachable(join(dirname(file), `${path}.d.ts`), found);
  }
  return found;
}

if (import.meta.main) await buildLibrary();
