import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Outcome, printOutcomes, whenDelivered } from '../../local/outcomes.ts';

afterEach(() => void vi.restoreAllMocks());

const clock = (time: number) => `${time / 1000} s`;

function delivered(requestId: string, storedAt: number, path = 'out/cat.jpg.png'): Outcome {
  const result = { path, bytes: 145_838, contentType: 'image/png', storedAt: new Date(storedAt) };
  return { file: 'package.json', requestId, results: [result] };
}

describe('the time from the end of a job to its cutout', () => {
  it('is that of the only image', () => {
    expect(whenDelivered([delivered('a', 8_300)], new Map([['a', 8_000]]), clock)).toBe(
      "The gateway's job ended at 8 s, cutout 0.3 s later.",
    );
  });

  it('goes from the shortest to the longest of several, and leaves out what failed', () => {
    const outcomes = [delivered('a', 9_900), delivered('b', 9_200), { file: 'c', results: [], problem: 'x' }];
    const jobs = new Map([
      ['a', 8_000],
      ['b', 9_000],
      ['c', 99_000],
    ]);
    expect(whenDelivered(outcomes, jobs, clock)).toBe(
      "The last of the gateway's jobs ended at 9 s; cutouts came 0.2 to 1.9 s after their jobs had ended.",
    );
  });

  it('is not told of where nothing was delivered', () => {
    expect(whenDelivered([{ file: 'c', results: [], problem: 'x' }], new Map([['c', 1]]), clock)).toBeUndefined();
  });
});

describe('the rows of what came of uploads', () => {
  it('are aligned, and no problem makes a column wider', () => {
    const lines: string[] = [];
    for (const stream of ['log', 'error'] as const) {
      vi.spyOn(console, stream).mockImplementation((line) => void lines.push(line.replace(/\d\.\d kB/, 'x kB')));
    }
    printOutcomes([
      delivered('a', 0, 'out/a-long-name.jpg.png'),
      { file: 'cdk.json', results: [], problem: 'NotAnImage: the file cdk.json is not an image' },
      delivered('b', 0, 'out/b.png'),
    ]);
    expect(lines).toEqual([
      '✓ package.json  x kB  → out/a-long-name.jpg.png  145.8 kB  image/png',
      '✗ cdk.json      x kB  → NotAnImage: the file cdk.json is not an image',
      '✓ package.json  x kB  → out/b.png                145.8 kB  image/png',
    ]);
  });
});
