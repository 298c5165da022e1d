import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { synthesizeApp } from '../../local/template.ts';

interface Flag {
  recommendedValue: unknown;
  userValue?: unknown;
  /** What it means not to set it: by default, that it is off. */
  unconfiguredBehavesLike?: { v2?: unknown };
}

it('decides on every feature flag of the CDK, so that cdk says of none that it is not configured', () => {
  const { outdir } = synthesizeApp({});
  onTestFinished(() => rmSync(outdir, { recursive: true }));
  const { artifacts } = JSON.parse(readFileSync(join(outdir, 'manifest.json'), 'utf8'));
  const flags: Record<string, Flag> = artifacts['aws-cdk-lib/feature-flag-report'].properties.flags;
  const undecided = Object.entries(flags).filter(
    ([, { recommendedValue, userValue, unconfiguredBehavesLike }]) =>
      userValue === undefined && recommendedValue !== (unconfiguredBehavesLike?.v2 ?? false),
  );
  expect(Object.keys(flags).length).toBeGreaterThan(80);
  expect(undecided.map(([name]) => name)).toEqual([]);
});
