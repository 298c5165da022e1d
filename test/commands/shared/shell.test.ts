import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { quoted } from '../../../commands/shared/shell.ts';

describe('a word of a command', () => {
  it.each(['plain-1.2/x', 'two words', "it's", '', '$HOME `id` "x"', '*.r2.dev', 'a;b\nc'])(
    'is what a shell reads: %j',
    (text) => {
      expect(execFileSync('bash', ['-c', `printf %s ${quoted(text)}`]).toString()).toBe(text);
    },
  );

  it('stays as it is where nothing in it means anything to a shell', () => {
    expect(quoted('http://127.0.0.1:80/v1')).toBe('http://127.0.0.1:80/v1');
  });
});
