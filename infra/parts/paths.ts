import { createRequire } from 'node:module';
import { join } from 'node:path';

/**
 * The package's root, where `package.json` lies. It is found by the package's own name, and not from this file, which
 * lies deeper once it is compiled.
 */
const ROOT = join(createRequire(import.meta.url).resolve('cutout/package.json'), '..');

/** Where the functions' bundles are made and deployed from. */
export const BUNDLES = join(ROOT, 'dist/functions');
