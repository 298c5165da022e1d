import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { CfnResource, type Stack } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import type { Resource } from './read-template.ts';
import { trySynth } from './synth.ts';
import { VARIANTS } from './variants.ts';

/**
 * The CDK's own validator, "CloudFormation Validate", looks at each template that is synthesized: property by property
 * against the schemas of the resource types, and by the rules of CloudFormation's linter. Some eight rules the CDK leaves
 * out by itself, because templates that it generates break them on purpose, such as W3005 (a redundant DependsOn).
 */

/** Everything that can be had at once, too. */
const ALL: Record<string, Record<string, unknown>> = {
  ...VARIANTS,
  'all at once': {
    webhook: true,
    removal: 'destroy',
    alarmEmail: 'images@example.com',
    uploadsPrefix: 'in/',
    uploadsSuffixes: '.jpg',
    resultsPrefix: 'out/',
  },
};
const NAMES = Object.keys(ALL);

/** Findings that are right as they are: the rule, and why. So far there are none. */
const EXPLAINED: Record<string, string> = {};

interface Finding {
  ruleName: string;
  description: string;
  violatingConstructs: { constructPath: string }[];
}

interface Checked {
  findings: Finding[];
  thrown: unknown;
  resources: Record<string, Resource>;
}

/** Synthesizes the app, with `change` made to it before, and gathers what the validator found. */
function check(context: Record<string, unknown>, change?: (stack: Stack) => void): Checked {
  return trySynth(context, change, ({ outdir, thrown }) => {
    const read = (file: string) => JSON.parse(readFileSync(join(outdir, file), 'utf8'));
    const reports: { pluginName: string; violations: Finding[] }[] = read('validation-report.json').pluginReports;
    const findings = reports.filter(({ pluginName }) => pluginName === 'CloudFormation Validate');
    return {
      findings: findings.flatMap(({ violations }) => violations),
      thrown,
      resources: read('Cutout.template.json').Resources,
    };
  });
}

const checked = new Map<string, Checked>();

/** A variant, which is synthesized when it is first asked for. */
function checkOf(variant: string): Checked {
  const known = checked.get(variant) ?? check(ALL[variant] ?? {});
  checked.set(variant, known);
  return known;
}

function resourcesOf(variant: string): Resource[] {
  return Object.values(checkOf(variant).resources);
}

describe("CloudFormation's validator", () => {
  it.each(NAMES)('finds nothing that is not explained in the variant "%s"', (variant) => {
    const { findings, thrown } = checkOf(variant);
    expect(findings.filter(({ ruleName }) => !Object.hasOwn(EXPLAINED, ruleName))).toEqual([]);
    expect(thrown).toBeUndefined();
  });

  it('would find a property that does not exist, one of the wrong type, and one that is missing', () => {
    const { findings } = check({}, (stack) => {
      new CfnResource(stack, 'Queue', { type: 'AWS::SQS::Queue', properties: { Visibility: 30 } });
      new CfnResource(stack, 'Rule', { type: 'AWS::Events::Rule', properties: { Targets: 'everywhere' } });
      new CfnResource(stack, 'Table', { type: 'AWS::DynamoDB::Table', properties: { BillingMode: 'PAY_PER_REQUEST' } });
    });
    const found = findings.map(({ description, violatingConstructs }) => [
      violatingConstructs[0]?.constructPath,
      description,
    ]);
    expect(found).toContainEqual(['Cutout/Queue', expect.stringContaining("'Visibility' was unexpected")]);
    expect(found).toContainEqual(['Cutout/Rule', expect.stringMatching(/^Targets: .*array/)]);
    expect(found).toContainEqual(['Cutout/Table', expect.stringContaining('KeySchema')]);
  });
});

describe('every definition of a state machine, in all variants,', () => {
  /** What is known only once deployed, ARNs and names, counts for nothing here but its place. */
  const textOf = ({ Properties }: Resource): string => {
    const [, parts]: [string, unknown[]] = Properties.DefinitionString['Fn::Join'];
    const isPartition = (part: unknown) => (part as { Ref?: string }).Ref === 'AWS::Partition';
    return parts
      .map((part) => (typeof part === 'string' ? part : isPartition(part) ? 'aws' : 'arn:aws:x:::y'))
      .join('');
  };

  it('is valid by an independent validator of the language', () => {
    const validate: (definition: unknown) => { errorsText: () => string } = createRequire(import.meta.url)(
      'asl-validator',
    );
    const machines = NAMES.map((variant) =>
      resourcesOf(variant).filter(({ Type }) => Type === 'AWS::StepFunctions::StateMachine'),
    );
    expect(machines.map(({ length }) => length)).toEqual(NAMES.map(() => 2));
    // Most variants share theirs.
    const texts = new Set(machines.flat().map(textOf));
    expect(texts.size).toBeGreaterThan(2);
    for (const text of texts) expect(validate(JSON.parse(text)).errorsText()).toBe('');
  });
});

describe('custom resources', () => {
  it.each(NAMES)('are in the variant "%s" only if it empties its buckets', (variant) => {
    const custom = resourcesOf(variant)
      .map(({ Type }) => Type)
      .filter((type) => /^(Custom::|AWS::CloudFormation::CustomResource)/.test(type));
    const emptied = ALL[variant]?.removal === 'destroy' ? ['Custom::S3AutoDeleteObjects'] : [];
    expect([...new Set(custom)]).toEqual(emptied);
  });
});
