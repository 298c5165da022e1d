import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import './node-24.cjs';

/** Tests that load handlers, or other tests: the next file must find these anew. Other handlers run in the local cloud. */
const LOADED = 'functions/{check-status,errors,job,on-upload}';
const APART = ['faults/document', 'simulation/*', LOADED, 'functions/*/**/*', 'security/*'].map(
  (path) => `test/${path}.test.ts`,
);
/** Loads handlers as Node does, again for each of their execution environments; the test runner would not. */
const SIMULATION = /\/local\/simulation\//;

// What the workers and the commands load is compiled once, and not by each process anew.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/compiled');

export default defineConfig({
  resolve: { alias: { cutout: join(import.meta.dirname, 'infra/index.ts') } },
  test: {
    globalSetup: 'test/build.ts',
    // Whole pipelines run here, on machines that may have two busy cores.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // By default one core is left idle, of which there may be two.
    maxWorkers: 2,
    projects: [
      // Of what they load, the CDK alone takes a second: all others share it.
      { extends: true, test: { name: 'sharing', include: ['test/**/*.test.ts'], exclude: APART, isolate: false } },
      { extends: true, test: { name: 'apart', include: APART, server: { deps: { external: [SIMULATION] } } } },
    ],
  },
});
