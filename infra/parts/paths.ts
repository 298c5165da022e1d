import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Where the functions' bundles are made and deployed from. */
export const BUNDLES = join(packageRoot(import.meta.filename), 'dist/functions');

/**
 * The package's root, where `package.json` lies. It is found by the package's own name, because this code may lie in a
 * file of the sources, of the built library, or of an app that has been bundled.
 */
function packageRoot(from: string): string {
  try {
    return dirname(createRequire(from).resolve('cutout/package.json'));
  } catch (cause) {
    const remedy = 'Install the package cutout where the bundled app runs, or run it in the folder of the app.';
    throw new Error(`The code of Cutout's functions cannot be found from ${from}. ${remedy}`, { cause });
  }
}
