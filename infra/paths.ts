import { join } from 'node:path';

/** Where the functions' bundles are made and deployed from. */
export const BUNDLES = join(import.meta.dirname, '../dist/functions');
