import { execFileSync } from 'node:child_process';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import {
  CutoutError,
  ERROR_NAMES,
  ERRORS,
  errorsWhere,
  explain,
  isError,
  isErrorName,
  redrivePays,
} from '../../functions/errors.ts';

describe('every error', () => {
  it.each(ERROR_NAMES)('%s says what happened and what to do', (name) => {
    const error = new CutoutError(name, 'It happened', { cause: 'a reason', retryAfterSeconds: 5 });

    expect(error).toMatchObject({ name, cause: 'a reason', retryAfterSeconds: 5 });
    expect(error.message).toBe(`It happened. ${ERRORS[name].remedy}`);
    expect(isError(error, name)).toBe(true);
    expect(isError(error)).toBe(true);
  });

  it('keeps its name and its remedy in a minified bundle, where classes are renamed', async () => {
    const { outputFiles } = await build({
      stdin: {
        contents: `
          import { CutoutError } from './functions/errors.ts';
          const { name, message } = new CutoutError('ImageNotFound', 'It happened');
          console.log(JSON.stringify({ name, message }));`,
        resolveDir: `${import.meta.dirname}/../..`,
      },
      bundle: true,
      minify: true,
      platform: 'node',
      format: 'esm',
      write: false,
    });
    const code = outputFiles[0]?.text ?? '';
    expect(code).not.toContain('class CutoutError');
    const output = execFileSync(process.execPath, ['--input-type=module'], { input: code, encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual({
      name: 'ImageNotFound',
      message: `It happened. ${ERRORS.ImageNotFound.remedy}`,
    });
  });

  it('that a redrive does not help submits nothing when it is redriven', () => {
    for (const name of errorsWhere(({ redriveHelps }) => !redriveHelps)) {
      expect(redrivePays(name, 'Submit'), name).toBe(false);
    }
  });

  it('that is never retried is not one that passes by itself', () => {
    expect(errorsWhere(({ retried }) => retried !== 'no')).toEqual([
      'DailyLimitReached',
      'TooManyRequests',
      'GatewayUnreachable',
      'OutcomeUnknown',
      'DownloadFailed',
      'InternalError',
    ]);
  });
});

describe('a reason of the account', () => {
  it('holds uploads back until the gateway accepts again, or until the day is over', () => {
    const accepted = ['ApiKeyNotSet', 'Unauthorized', 'InsufficientBalance', 'Forbidden'];
    expect(errorsWhere(({ pauses }) => pauses === 'until one is accepted')).toEqual(accepted);
    expect(errorsWhere(({ pauses }) => pauses === 'until 00:00 UTC')).toEqual(['DailyLimitReached']);
  });

  it('is one that a redrive helps', () => {
    for (const name of errorsWhere(({ pauses }) => pauses !== undefined)) expect(ERRORS[name].redriveHelps).toBe(true);
  });
});

describe('a redrive', () => {
  it('pays for what failed before it was submitted, and for what the gateway lost', () => {
    expect(redrivePays('InsufficientBalance', 'Submit')).toBe(true);
    expect(redrivePays('InsufficientBalance', 'Check status')).toBe(false);
    expect(redrivePays('RemovalError', 'Check status')).toBe(true);
    expect(redrivePays('InvalidResult', 'Deliver')).toBe(false);
  });
});

describe('an error name', () => {
  it.each([
    'Lambda.Unknown',
    'Sandbox.Timedout',
    'Runtime.ExitError',
    'States.Timeout',
    'Error',
    'toString',
    '__proto__',
    '',
    undefined,
  ])('is not %j', (name) => {
    expect(isErrorName(name)).toBe(false);
  });
});

describe('an explanation', () => {
  it('adds a full stop only where there is no end of a sentence', () => {
    expect(explain('ResultTooLarge', 'It is large')).toBe('It is large. Upload a smaller version of the picture.');
    expect(explain('ResultTooLarge', 'It is large.')).toBe('It is large. Upload a smaller version of the picture.');
    expect(explain('ResultTooLarge', 'Is it large?')).toBe('Is it large? Upload a smaller version of the picture.');
  });
});
