import { describe, expect, it } from 'vitest';
import { makeStack, refusal } from './reading.ts';

describe('settings that conflict are refused, and both are named:', () => {
  const ARN_OF_KEY = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
  const oneBucket = { uploadsBucket: 'images', uploadsPrefix: 'in/', resultsBucket: 'images', resultsPrefix: 'out/' };
  const existing = { uploadsBucket: 'images', resultsBucket: 'cutouts', apiKeySecret: 'pixazo/api-key' };

  it.each<[context: Record<string, unknown>, named: string[]]>([
    [{ uploadsKmsKey: ARN_OF_KEY }, ['uploadsKmsKey', 'uploadsBucket']],
    [{ uploadsKmsKey: ARN_OF_KEY, resultsBucket: 'cutouts' }, ['uploadsKmsKey', 'uploadsBucket']],
    [{ resultsKmsKey: ARN_OF_KEY, uploadsBucket: 'images' }, ['resultsKmsKey', 'resultsBucket']],
    [{ ...oneBucket, uploadsKmsKey: ARN_OF_KEY }, ['uploadsKmsKey', 'resultsKmsKey']],
    [{ ...existing, removal: 'destroy' }, ['removal', 'uploadsBucket', 'resultsBucket', 'apiKeySecret']],
    [{ expectedSeconds: 60, timeoutMinutes: 1 }, ['expectedSeconds', 'timeoutMinutes']],
    [{ expectedSeconds: '3600', timeoutMinutes: '30' }, ['expectedSeconds', 'timeoutMinutes']],
  ])('%j', (context, named) => {
    const message = refusal(context, makeStack);
    for (const name of named) expect(message).toMatch(new RegExp(`\\b${name}\\b`));
    expect(message).not.toContain('\n');
  });

  it.each<Record<string, unknown>>([
    { uploadsBucket: 'images', resultsBucket: 'cutouts', removal: 'destroy' },
    { uploadsBucket: 'images', apiKeySecret: 'pixazo/api-key', removal: 'destroy' },
    { ...existing, removal: 'retain' },
    { ...oneBucket, uploadsKmsKey: ARN_OF_KEY, resultsKmsKey: ARN_OF_KEY },
    { expectedSeconds: 59, timeoutMinutes: 1 },
  ])('but not %j', (context) => {
    expect(() => makeStack(context)).not.toThrow();
  });
});

describe('uploads and results that overlap', () => {
  const both = { uploadsBucket: 'images', resultsBucket: 'images' };

  it.each([
    ['', ''],
    ['in/', ''],
    ['', 'out/'],
    ['images/', 'images/'],
    ['images/', 'images/out/'],
    ['images/in/', 'images/'],
    ['cat', 'cats/'],
  ])('are refused for the prefixes "%s" and "%s" in one bucket', (uploadsPrefix, resultsPrefix) => {
    const message = refusal({ ...both, uploadsPrefix, resultsPrefix }, makeStack);
    for (const name of ['uploadsBucket', 'resultsBucket', 'uploadsPrefix', 'resultsPrefix']) {
      expect(message).toContain(name);
    }
    expect(message).toContain('"images"');
    expect(message).toContain('such as "in/" and "out/"');
  });

  it.each([
    ['in/', 'out/'],
    ['images/in/', 'images/out/'],
    ['cats/', 'cat-'],
  ])('are none for the prefixes "%s" and "%s" in one bucket', (uploadsPrefix, resultsPrefix) => {
    expect(() => makeStack({ ...both, uploadsPrefix, resultsPrefix })).not.toThrow();
  });

  it.each([
    { uploadsBucket: 'images', resultsBucket: 'cutouts' },
    { uploadsBucket: 'images' },
    { resultsBucket: 'images' },
    {},
  ])('are none for equal prefixes in two buckets: %j', (buckets) => {
    const prefixes = { uploadsPrefix: 'photos/', resultsPrefix: 'photos/' };
    expect(() => makeStack({ ...buckets, ...prefixes })).not.toThrow();
  });
});
