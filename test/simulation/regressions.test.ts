import { describe, expect, it } from 'vitest';
import { live } from './life.ts';
import { brokenPromises } from './promises.ts';
import type { Schedule } from './schedule.ts';

const CALM: Schedule = {
  versioned: true,
  pace: 'brisk',
  luck: 0,
  steps: [{ at: 0, upload: 'a.jpg', content: 'cat' }],
};

/** What random schedules have found, shrunk. */
describe('A schedule that once broke a promise', () => {
  it.each<[string, Partial<Schedule>]>([
    [
      'a delivery fails after its result was stored, beside the error file of an older version',
      {
        steps: [
          { at: 0, upload: 'a.jpg', content: 'nothing' },
          { at: 10, upload: 'a.jpg', content: 'cat' },
        ],
        downloads: ['normal', 'html', 'html'],
        awsFaults: [{ operation: 'PutObject', nth: 2, as: 'answer lost' }],
      },
    ],
    [
      'report-failure dies after it wrote the error file of an execution that has been redriven meanwhile',
      {
        steps: [
          { at: 0, upload: 'a.jpg', content: 'cat' },
          { at: 12, redrive: 'failed' },
        ],
        downloads: ['html', 'html'],
        misfortunes: [
          { function: 'report-failure', invocation: 1, how: { diesAtCall: 7, effect: 'done', seconds: 30 } },
        ],
      },
    ],
    [
      'a delivery stalls that was sent twice, while the same bytes are uploaded again',
      {
        steps: [
          { at: 6, upload: 'a.jpg', content: 'cat' },
          { at: 6, upload: 'a.jpg', content: 'cat' },
        ],
        misfortunes: [{ function: 'deliver', invocation: 1, how: { stallsAtCall: 6, seconds: 12 } }],
        awsFaults: [{ operation: 'PutObject', nth: 1, as: 'repeated' }],
      },
    ],
    [
      'a delivery of B stalls that has not seen A uploaded again, whose result stands',
      {
        steps: [
          { at: 0, upload: 'a.jpg', content: 'cat' },
          { at: 30, upload: 'a.jpg', content: 'dog' },
          { at: 42, upload: 'a.jpg', content: 'cat' },
        ],
        misfortunes: [{ function: 'deliver', invocation: 2, how: { stallsAtCall: 4, seconds: 55 } }],
      },
    ],
    [
      'a late delivery of A replaces the result of A uploaded again, and B comes after the source has been deleted',
      {
        webhook: [],
        steps: [
          { at: 0, upload: 'a.jpg', content: 'cat' },
          { at: 4, upload: 'a.jpg', content: 'dog' },
          { at: 5, upload: 'a.jpg', content: 'cat' },
          { at: 5, remove: 'a.jpg' },
        ],
        misfortunes: [
          { function: 'on-callback', invocation: 1, how: { stallsAtCall: 1, seconds: 2 } },
          { function: 'on-callback', invocation: 2, how: { diesAtCall: 0, effect: 'done' } },
        ],
        awsFaults: [{ operation: 'UpdateItem', nth: 1, as: 'throttled' }],
      },
    ],
    [
      'the event of a failure comes once more, after a newer upload has been delivered and deleted, and then restored',
      {
        steps: [
          { at: 0, upload: 'a.jpg', content: 'nothing' },
          { at: 374, upload: 'a.jpg', content: 'cat' },
          { at: 393, remove: 'a.jpg' },
          { at: 6463, purge: 'a.jpg', nth: 0 },
        ],
        failureEvents: [[393]],
      },
    ],
  ])('keeps it now: %s', async (_, schedule) => {
    expect(brokenPromises(await live({ ...CALM, ...schedule }))).toEqual([]);
  });
});
