import { describe, expect, it } from 'vitest';
import type { Row, WaitNote } from '../../../local/page/content.ts';
import { shortened } from '../../../local/page/shorten.ts';
import { clock, duration, pauseWords, remark, shortenedBy, statusWords, waitWords } from '../../../local/page/words.ts';

const MINUTE = 60_000;
const wait = (kind: WaitNote['kind'], askedMs: number, ms = askedMs): WaitNote => ({
  type: 'wait',
  at: 0,
  kind,
  ms,
  askedMs,
});

describe('a time', () => {
  it.each([
    [0, '0 s', '0.00 s'],
    [214, '0.21 s', '0.21 s'],
    [5_000, '5 s', '5.00 s'],
    [12_440, '12.4 s', '12.44 s'],
    [59_960, '1 min', '59.96 s'],
    [240_000, '4 min', '4 min'],
    [192_400, '3 min 12 s', '3 min 12 s'],
    [3_600_000, '1 h', '1 h'],
  ])('of %d ms is %s in a sentence, and %s in a column', (ms, sentence, column) => {
    expect(duration(ms)).toBe(sentence);
    expect(clock(ms)).toBe(column);
  });
});

describe('a wait in words', () => {
  it.each([
    [wait('time', 5_000), {}, 'Waits 5 s before the next poll'],
    [wait('time', 3600_000, 180_000), {}, 'Waits 1 h, shortened to 3 min before the next poll'],
    [wait('attempt', 240_000, 12_000), {}, 'Tries again after 4 min, shortened to 12 s'],
    [wait('callback', 300_000), {}, 'Waits for the gateway to call back: at most 5 min'],
    [
      wait('time', 540_000),
      { status: 'SETTLING' },
      'A result of the same bytes stands. Looks again after 9 min, when nothing can replace it any more',
    ],
  ])('%#', (note, input, words) => expect(waitWords(note, input)).toBe(words));
});

describe('a pause in words', () => {
  it.each([
    ['until one is accepted', 'Do it. Uploads go on once a submission is accepted.'],
    ['until 00:00 UTC', 'Do it. Uploads go on at 00:00 UTC.'],
  ] as const)('says what to do, and that it lasts %s', (pauses, end) => {
    expect(pauseWords({ reason: 'Forbidden', remedy: 'Do it.', waiting: 2, pauses })).toBe(
      `Uploads are held back after Forbidden; 2 waiting. ${end}`,
    );
  });
});

describe('waits that are shortened', () => {
  it('stay in order, and longer than a job takes', () => {
    const waits = [1, 5_000, 12_000, 13_000, 30_000, 4 * MINUTE, 16 * MINUTE, 60 * MINUTE];
    const shorter = waits.map(shortened);
    expect(shorter).toEqual([1, 5_000, 12_000, 12_000, 12_000, 12_000, 48_000, 180_000]);
  });

  it('are added up for the row', () => {
    const state = { name: 'Submit', at: 0, hasFailed: false, isRedriven: false, input: {} };
    const notes = [wait('attempt', 4 * MINUTE, 12_000), wait('attempt', 16 * MINUTE, 48_000)];
    expect(shortenedBy({ states: [{ ...state, notes }] })).toBe(19 * MINUTE);
    const callback = { ...state, notes: [wait('callback', 5 * MINUTE, 15_000)] };
    expect(shortenedBy({ states: [{ ...callback, ms: 8_000 }] }), 'a callback that came').toBe(0);
    expect(shortenedBy({ states: [{ ...callback, ms: 15_001 }] }), 'none in time').toBe(4.75 * MINUTE);
  });
});

describe('how an image stands', () => {
  const row = { status: 'SUCCEEDED', isSuperseded: false, ms: 10_700, submissions: [], states: [] } as unknown as Row;
  it.each<[Partial<Row>, string, string | undefined]>([
    [{}, 'Delivered in 10.7 s', 'Nothing was submitted: a result of the same bytes stands.'],
    [{ isSuperseded: true }, 'Superseded', 'A newer upload took its place: nothing was stored.'],
    [{ status: 'RUNNING' }, 'Starting', undefined],
    [{ status: 'RUNNING', note: 'Nothing was found.' }, 'Starting', 'Nothing was found.'],
    [{ status: 'FAILED', error: { name: 'NotAnImage' } as Row['error'] }, 'NotAnImage', undefined],
  ])('%#', (more, words, said) => {
    expect(statusWords({ ...row, ...more })).toBe(words);
    expect(remark({ ...row, ...more })).toBe(said);
  });
});
