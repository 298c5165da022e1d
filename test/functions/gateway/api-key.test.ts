import { describe, expect, it } from 'vitest';
import { whyNoApiKey } from '../../../functions/gateway/api-key.ts';

describe('an API key', () => {
  it.each(['0123456789abcdef0123456789abcdef', 'a-b_c.d~e', 'YWJj+/ZGVm==', "it's{odd}"])('may be %s', (text) => {
    expect(whyNoApiKey(text)).toBeUndefined();
  });

  it.each([
    ['', 'is empty'],
    ['{"key":"secret"}', 'holds JSON: store the key as plain text'],
    ['{\n  "key": "secret"\n}', 'holds JSON: store the key as plain text'],
    ['["secret"]', 'holds JSON: store the key as plain text'],
    ['"secret"', 'holds JSON: store the key as plain text'],
    ['{secret', 'holds JSON: store the key as plain text'],
    ['key: secret', 'holds characters that no API key has'],
    ['secret\nsecret', 'holds characters that no API key has'],
    ['sécret', 'holds characters that no API key has'],
  ])('cannot be %j: it %s', (text, problem) => {
    expect(whyNoApiKey(text)).toBe(problem);
  });
});
