import { execFileSync } from 'node:child_process';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import * as errors from '../../functions/errors.ts';
import * as gatewayErrors from '../../functions/gateway/errors.ts';

const { CutoutError, explain, isErrorName, REMEDIES } = errors;
const { GatewayError, OutcomeUnknown } = gatewayErrors;

type Thrown = new (what: string) => errors.CutoutError;

const isErrorClass = (value: unknown): value is Thrown =>
  typeof value === 'function' && value.prototype instanceof CutoutError && value !== GatewayError;

/** Every class of error that there is, under the name it is exported by. */
const classes = Object.entries({ ...errors, ...gatewayErrors }).flatMap(([exported, value]) =>
  isErrorClass(value) ? [[exported, value] as const] : [],
);

/** What an error of the class exported as `exported` is called: the kinds of OutcomeUnknown share a name. */
const nameOf = (exported: string, errorClass: Thrown) =>
  errorClass.prototype instanceof OutcomeUnknown ? 'OutcomeUnknown' : exported;

describe('every error', () => {
  it.each(classes)('%s has the name of its class and says what happened and what to do', (exported, ErrorClass) => {
    const error = new ErrorClass('It happened');

    expect(error.name).toBe(nameOf(exported, ErrorClass));
    expect(isErrorName(error.name)).toBe(true);
    expect(error.message).toBe(`It happened. ${REMEDIES[error.name]}`);
    expect(error).toBeInstanceOf(Error);
  });

  it('that the table has a remedy for is thrown by a function, but for what is said of a stopped execution', () => {
    const thrown = new Set(classes.map(([exported, errorClass]) => nameOf(exported, errorClass)));
    const others = Object.keys(REMEDIES).filter((name) => !thrown.has(name));
    expect(others).toEqual(['Aborted']);
  });

  it('keeps its name and its remedy in a minified bundle, where classes are renamed', async () => {
    const { outputFiles } = await build({
      stdin: {
        contents: `
          import * as errors from './functions/errors.ts';
          import * as gatewayErrors from './functions/gateway/errors.ts';
          const named = Object.entries({ ...errors, ...gatewayErrors }).flatMap(([exported, value]) =>
            value.prototype instanceof errors.CutoutError ? [[exported, new value('It happened')]] : []);
          console.log(JSON.stringify(named.map(([exported, { name, message }]) => [exported, name, message])));`,
        resolveDir: `${import.meta.dirname}/../..`,
      },
      bundle: true,
      minify: true,
      platform: 'node',
      format: 'esm',
      write: false,
    });
    const code = outputFiles[0]?.text ?? '';
    expect(code).not.toContain('class ImageNotFound');

    const output = execFileSync(process.execPath, ['--input-type=module'], { input: code, encoding: 'utf8' });
    const named = new Map<string, string[]>(
      JSON.parse(output).map(([exported, ...rest]: string[]) => [exported ?? '', rest]),
    );
    for (const [exported, errorClass] of classes) {
      const name = nameOf(exported, errorClass);
      if (!isErrorName(name)) throw new Error(`There is no remedy for ${name}`);
      expect(named.get(exported)).toEqual([name, `It happened. ${REMEDIES[name]}`]);
    }
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
    expect(explain('ImageNotFound', 'It is gone')).toBe('It is gone. Upload the image again.');
    expect(explain('ImageNotFound', 'It is gone.')).toBe('It is gone. Upload the image again.');
    expect(explain('ImageNotFound', 'Is it gone?')).toBe('Is it gone? Upload the image again.');
  });
});
