import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Stack, Validations } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { NagPack } from 'cdk-nag';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createApp } from '../../infra/app.ts';
import { VARIANTS, withOutdir } from './support.ts';

interface Checked {
  /** What synth threw, if anything. */
  thrown: unknown;
  /** What the packs found and nobody accepted, by their names. */
  packs: Record<string, string[]>;
  /** Rules in the report that the CDK leaves in the cloud assembly. */
  reported: string[];
}

interface Report {
  pluginReports: { violations: { ruleName: string }[] }[];
}

/** Synthesizes the app, with `change` made to it before, and gathers what cdk-nag said, by all ways it has to say it. */
function check(context: Record<string, unknown>, change?: (stack: Stack) => void): Checked {
  const validate = vi.spyOn(NagPack.prototype, 'validate');
  return withOutdir((outdir) => {
    const app = createApp({ context, outdir });
    change?.(app.node.findChild('Cutout') as Stack);
    let thrown: unknown;
    try {
      app.synth();
    } catch (error) {
      thrown = error;
    }
    const report: Report = JSON.parse(readFileSync(join(outdir, 'validation-report.json'), 'utf8'));
    const packs = validate.mock.results.map((result, call) => {
      const { readPackName } = validate.mock.contexts[call] as NagPack;
      if (result.type !== 'return') throw new Error(`${readPackName} could not check the app`);
      return [readPackName, result.value.violations.map(({ ruleName }) => ruleName)];
    });
    return {
      thrown,
      packs: Object.fromEntries(packs),
      reported: report.pluginReports.flatMap(({ violations }) => violations.map(({ ruleName }) => ruleName)),
    };
  });
}

beforeEach(() => {
  // Where the CDK prints what was found.
  vi.spyOn(console, 'error').mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

const ALL = {
  ...VARIANTS,
  'one existing bucket': {
    uploadsBucket: 'images',
    resultsBucket: 'images',
    uploadsPrefix: 'in/',
    resultsPrefix: 'out/',
  },
};

describe('cdk-nag', () => {
  it.each(Object.entries(ALL))('finds nothing that is not accepted in the variant "%s"', (_, context) => {
    const { packs, reported, thrown } = check(context);
    expect(packs).toEqual({ AwsSolutions: [], Serverless: [] });
    expect(reported).toEqual([]);
    expect(thrown).toBeUndefined();
    expect(console.error).not.toHaveBeenCalled();
  });

  it('would find a queue that takes messages without TLS and has no dead-letter queue, and fail the synth', () => {
    const { packs, reported, thrown } = check({}, (stack) => new Queue(stack, 'Careless'));
    const expected = {
      AwsSolutions: ['AwsSolutions-SQS3', 'AwsSolutions-SQS4'],
      Serverless: ['Serverless-SQSRedrivePolicy'],
    };
    expect(packs).toEqual(expected);
    expect(reported).toEqual(Object.values(expected).flat());
    expect(thrown).toMatchObject({ name: 'ValidationFailed' });
  });

  it('would find each thing that is accepted, if it were not', () => {
    const { packs } = check({}, (stack) => {
      for (const construct of stack.node.findAll()) {
        Object.defineProperty(construct.node, 'metadata', { value: [] });
      }
    });
    expect(new Set(Object.values(packs).flat())).toEqual(new Set(acceptances({}).map(({ id }) => id)));
  });
});

/** All findings that are accepted anywhere, with the reasons. */
function acceptances(context: Record<string, unknown>): { path: string; id: string; reason: string }[] {
  const app = withOutdir((outdir) => createApp({ context, outdir }));
  return app.node.findAll().flatMap((construct) =>
    construct.node.metadata
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.entries(data as Record<string, string>))
      .map(([id, reason]) => ({ path: construct.node.path, id: id.replace(/^annotation::/i, ''), reason })),
  );
}

describe('each finding that is accepted', () => {
  it.each(Object.entries(ALL))('has a reason of at least a sentence in the variant "%s"', (_, context) => {
    const accepted = acceptances(context);
    expect(accepted.length).toBeGreaterThan(5);
    for (const { reason } of accepted) {
      expect(reason).toMatch(/^[A-Z].*\.$/);
      expect(reason.split(' ').length).toBeGreaterThanOrEqual(5);
    }
  });

  it('is one finding, never a whole rule that may have many, and on one construct, never on the stack', () => {
    for (const { path, id } of acceptances({})) {
      expect(id).not.toBe('AwsSolutions-IAM5');
      expect(path.split('/').length).toBeGreaterThan(2);
    }
  });
});
