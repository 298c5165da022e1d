import { expect, it } from 'vitest';
import type { Case, Outcome } from './case.ts';
import { runCases } from './run.ts';
import type { Target } from './target/target.ts';

const TARGET = { platform: { lanes: 4, cannot: { KMS: 'there is none' } } } as unknown as Target;
const forNow = () => new Promise((resolve) => setImmediate(resolve));

/** Runs cases, and notes when each begins and ends. */
async function run(cases: Case[], signal = new AbortController().signal) {
  const events: string[] = [];
  const noted = cases.map((each) => ({
    ...each,
    run: async (trial: Parameters<Case['run']>[0]) => {
      events.push(`${each.name} begins`);
      const said = await each.run(trial);
      events.push(`${each.name} ends`);
      return said;
    },
  }));
  const told: Outcome[] = [];
  const outcomes = await runCases(TARGET, noted, { onOutcome: (outcome) => told.push(outcome), signal });
  expect(told).toEqual(outcomes);
  return { events, outcomes };
}

it('a case says that it ran, with what it has to say, that it failed and why, or why it cannot run here', async () => {
  const { outcomes } = await run([
    { name: 'good', run: async () => 'said' },
    { name: 'bad', run: async () => Promise.reject(new Error('why')) },
    { name: 'needy', needs: ['KMS'], run: async () => expect.unreachable() },
  ]);
  expect(outcomes).toEqual(
    expect.arrayContaining([
      { name: 'good', outcome: 'ran', note: 'said' },
      { name: 'bad', outcome: 'failed', note: 'why' },
      { name: 'needy', outcome: 'cannot run here', note: 'because there is none' },
    ]),
  );
});

it('cases run side by side, but for those of a group', async () => {
  const { events } = await run([
    { name: 'a', run: forNow },
    { name: 'b', run: forNow },
    { name: 'c', group: 'g', run: forNow },
    { name: 'd', group: 'g', run: forNow },
  ]);
  expect(events.indexOf('b begins')).toBeLessThan(events.indexOf('a ends'));
  expect(events.indexOf('d begins')).toBeGreaterThan(events.indexOf('c ends'));
});

it('those that change something for all run alone, after the others, and the last one last', async () => {
  const { events } = await run([
    { name: 'last', when: 'last', run: forNow },
    { name: 'alone', when: 'alone', run: forNow },
    { name: 'other', run: forNow },
  ]);
  expect(events.filter((event) => event.endsWith('begins'))).toEqual(['other begins', 'alone begins', 'last begins']);
  expect(events.indexOf('alone begins')).toBeGreaterThan(events.indexOf('other ends'));
});

it('after an interruption what is under way is given up, and nothing more begins', async () => {
  const interruption = new AbortController();
  const { outcomes } = await run(
    [
      { name: 'endless', run: () => new Promise(() => interruption.abort()) },
      { name: 'later', when: 'alone', run: async () => expect.unreachable() },
    ],
    interruption.signal,
  );
  expect(outcomes).toEqual([{ name: 'endless', outcome: 'failed', note: 'The run was interrupted.' }]);
});
