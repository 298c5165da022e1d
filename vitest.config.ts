import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The examples import the package by its name.
  resolve: { alias: { cutout: join(import.meta.dirname, 'infra/index.ts') } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/build.ts',
    // Whole pipelines run here, on machines that may have two busy cores.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // By default one core is left idle, of which there may be two.
    maxWorkers: 2,
  },
});
