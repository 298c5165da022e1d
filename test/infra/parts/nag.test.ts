import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type App, type Stack, Validations } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { NagPack } from 'cdk-nag';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { trySynth } from '../synth.ts';
import { VARIANTS } from '../variants.ts';

interface Checked {
  /** What synth threw, if anything. */
  thrown: unknown;
  /** What the packs found and nobody accepted, by their names. */
  packs: Record<string, string[]>;
  /** Rules in the report that the CDK leaves in the cloud assembly. */
  reported: string[];
  /** How often anything was printed. */
  printed: number;
  /** All findings that are accepted anywhere, with the reasons. */
  accepted: { path: string; id: string; reason: string }[];
}

interface Report {
  pluginReports: { violations: { ruleName: string }[] }[];
}

/** Synthesizes the app, with `change` made to it before, and gathers what cdk-nag said, by all ways it has to say it. */
function check(context: Record<string, unknown>, change?: (stack: Stack) => void): Checked {
  const validate = vi.spyOn(NagPack.prototype, 'validate').mockClear();
  return trySynth(context, change, ({ app, outdir, thrown, printed }) => {
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
      printed,
      accepted: acceptances(app),
    };
  });
}

function acceptances(app: App): Checked['accepted'] {
  return app.node.findAll().flatMap((construct) =>
    construct.node.metadata
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.entries(data as Record<string, string>))
      .map(([id, reason]) => ({ path: construct.node.path, id: id.replace(/^annotation::/i, ''), reason })),
  );
}

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

const NAMES = Object.keys(ALL) as (keyof typeof ALL)[];
const checked = new Map<keyof typeof ALL, Checked>();

/** What cdk-nag said of a variant, which is checked when it is first asked for. */
function checkOf(variant: keyof typeof ALL): Checked {
  const known = checked.get(variant) ?? check(ALL[variant]);
  checked.set(variant, known);
  return known;
}

describe('cdk-nag', () => {
  it.each(NAMES)('finds nothing that is not accepted in the variant "%s"', (variant) => {
    const { packs, reported, thrown, printed } = checkOf(variant);
    expect(packs).toEqual({ AwsSolutions: [], Serverless: [] });
    expect(reported).toEqual([]);
    expect(thrown).toBeUndefined();
    expect(printed).toBe(0);
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
    const accepted = checkOf('default').accepted.map(({ id }) => id);
    expect([...new Set(Object.values(packs).flat())].sort()).toEqual([...new Set(accepted)].sort());
  });
});

describe('each finding that is accepted', () => {
  it.each(NAMES)('has a reason of at least a sentence in the variant "%s"', (variant) => {
    const { accepted } = checkOf(variant);
    expect(accepted.length).toBeGreaterThan(5);
    for (const { reason } of accepted) {
      expect(reason).toMatch(/^[A-Z].*\.$/);
      expect(reason.split(' ').length).toBeGreaterThanOrEqual(5);
    }
  });

  it('is one finding, never a whole rule that may have many, and on one construct, never on the stack', () => {
    for (const { path, id } of checkOf('default').accepted) {
      expect(id).not.toBe('AwsSolutions-IAM5');
      expect(path.split('/').length).toBeGreaterThan(2);
    }
  });
});
