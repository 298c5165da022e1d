import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SETTING_NAMES, SETTINGS } from '../../../infra/settings/table.ts';
import { read, refusal } from './reading.ts';

describe('without any setting', () => {
  it.each(SETTING_NAMES)('takes the default of %s from its row', (name) => {
    expect(read({})[name]).toEqual(SETTINGS[name].default);
  });

  it.each(SETTING_NAMES)('takes an empty %s for not given', (name) => {
    expect(read({ [name]: '' })).toEqual(read({}));
  });

  it('leaves alone what is in the context for the CDK itself', () => {
    const context = {
      '@aws-cdk/core:newStyleStackSynthesis': true,
      '@aws-cdk/aws-lambda:recognizeLayerVersion': true,
      'aws:cdk:enable-path-metadata': true,
      'aws:cdk:bundling-stacks': ['**'],
      'availability-zones:account=111122223333:region=eu-west-1': ['eu-west-1a'],
      'acknowledged-issue-numbers': [19836],
      'cli-telemetry': false,
    };
    expect(read(context)).toEqual(read({}));
  });
});

describe('a name that is no setting', () => {
  it.each(['uploadBucket', 'uploadsprefix', 'UPLOADSBUCKET', 'max_concurrency', 'timeout2', 'constructor', 'toString'])(
    '%s is refused, with the list of all settings',
    (name) => {
      const message = refusal({ [name]: 'x' });
      expect(message).toContain(`There is no setting ${name}.`);
      for (const setting of SETTING_NAMES) expect(message).toContain(setting);
    },
  );
});

describe('a setting that is no more', () => {
  it.each([
    ['maxConcurrency', 20, "set uploadsPerMinute, or use the construct's prop maxConcurrency"],
    ['webhookConcurrency', 20, "use the construct's prop webhook.reservedConcurrency"],
    [
      'alarmTopic',
      'arn:aws:sns:eu-west-1:111122223333:alarms',
      "set alarmEmail, or use the construct's prop alarmTopic",
    ],
    ['inventoryBucket', 'reports', 'drop it, because a backfill lists the uploads bucket itself'],
    ['inventoryKmsKey', '', 'drop it, because a backfill lists the uploads bucket itself'],
  ])('%s is refused, with what took its place', (name, value, advice) => {
    expect(refusal({ [name]: value })).toBe(`There is no setting ${name} any more: ${advice}.`);
  });
});

describe.concurrent('the app', () => {
  const outdir = mkdtempSync(join(tmpdir(), 'cutout-'));
  afterAll(() => rmSync(outdir, { recursive: true, force: true }));

  /** Runs it as the CDK does. */
  function run(name: string, context: Record<string, unknown>): Promise<{ code: number; out: string; err: string }> {
    const app = join(import.meta.dirname, '../../../infra/app.ts');
    const env = { ...process.env, CDK_CONTEXT_JSON: JSON.stringify(context), CDK_OUTDIR: join(outdir, name) };
    return new Promise((resolve) => {
      execFile(process.execPath, [app], { env }, (error, out, err) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : Number(error !== null), out, err });
      });
    });
  }

  it('answers a setting that cannot be used with one line and no stack', async () => {
    const { code, out, err } = await run('bad', { timeoutMinutes: '0' });
    expect(err).toMatch(/^The setting timeoutMinutes .*"0"\.\n$/);
    expect(out).toBe('');
    expect(code).toBe(1);
  });

  it('synthesizes with good settings, and says nothing', async () => {
    const context = { 'aws:cdk:enable-path-metadata': true, uploadsPrefix: 'in/', uploadsPerMinute: 60 };
    expect(await run('good', context)).toEqual({ code: 0, out: '', err: '' });
  });
});
