import { parseArgs } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SettingError } from '../../infra/settings/readers.ts';
import { main } from '../../local/main.ts';
import { WrongArgument } from '../../local/options.ts';

const lines: string[] = [];
beforeEach(() => {
  vi.spyOn(console, 'error').mockImplementation((line) => void lines.push(line));
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    lines.push(`exit ${code}`);
    return undefined as never;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  lines.length = 0;
});

describe('a command', () => {
  it.each<[string, () => void]>([
    [
      'a file',
      () => {
        throw new WrongArgument('There is no file x.');
      },
    ],
    [
      'a setting',
      () => {
        throw new SettingError('The setting is wrong.');
      },
    ],
    ['an option', () => void parseArgs({ args: ['--nothing'] })],
  ])('that is given %s it cannot use says so without a stack, and exits with 1', async (_, run) => {
    await main(async () => run());
    expect(lines).toEqual([expect.stringMatching(/^[^\n]+\n--help says what can be given\.$/), 'exit 1']);
  });

  it('that fails for another reason fails with it', async () => {
    const error = new Error('broken');
    await expect(main(() => Promise.reject(error))).rejects.toBe(error);
    expect(lines).toEqual([]);
  });
});
