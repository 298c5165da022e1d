import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Tests that leave nothing behind: they share what they import, of which the CDK alone takes a second to load. */
const SHARING = ['test/infra/**/*.test.ts', 'test/functions/**/*.test.ts'];

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
      { extends: true, test: { name: 'units', include: SHARING, isolate: false } },
      { extends: true, test: { name: 'systems', include: ['test/**/*.test.ts'], exclude: [...SHARING] } },
    ],
  },
});
