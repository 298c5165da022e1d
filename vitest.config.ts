import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import './node-24.cjs';

/** Reads what other tests declare, which run nothing then: loads them for itself. */
const APART = ['test/faults/document.test.ts'];
/** Loads handlers as Node does, again for each of their execution environments; the test runner would not. */
const SIMULATION = /\/local\/simulation\//;

// What the workers and the commands load is compiled once, and not by each process anew.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/compiled');

export default defineConfig({
  resolve: { alias: { cutout: join(import.meta.dirname, 'infra/index.ts') } },
  test: {
    globalSetup: 'test/build.ts',
    setupFiles: 'test/unstub.ts',
    // Whole pipelines run here, on machines that may have two busy cores.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // One more than there are cores: much of what tests do is to wait. By default one core would be left idle.
    maxWorkers: availableParallelism() + 1,
    server: { deps: { external: [SIMULATION] } },
    projects: [
      // Of what they load, the CDK alone takes a second: all others share it.
      { extends: true, test: { name: 'sharing', include: ['test/**/*.test.ts'], exclude: APART, isolate: false } },
      // At last: a worker that is shared ends when a file comes next that is not.
      { extends: true, test: { name: 'apart', include: APART, sequence: { groupOrder: 1 } } },
    ],
  },
});
