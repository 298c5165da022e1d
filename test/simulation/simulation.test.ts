import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type Life, live } from './life.ts';
import { brokenPromises, isDeleted, outcome } from './promises.ts';
import type { Schedule } from './schedule.ts';
import {
  anySchedule,
  crowdedSchedule,
  doubtfulSchedule,
  onlyCallbacksSchedule,
  passingSchedule,
  withWebhook,
} from './schedules.ts';

/** Another one for each run: other schedules are tried. */
const seed = Number(process.env.FC_SEED ?? Math.floor(Math.random() * 2 ** 31));
const schedules = Number(process.env.SCHEDULES ?? 500);
const runs = { polling: 0, webhook: 0 };

/** Runs random schedules, so many of them as a share of all, and checks the promises after each. */
function property(
  share: number,
  arbitrary: fc.Arbitrary<Schedule>,
  alsoCheck: (life: Life) => void = () => undefined,
): Promise<void> {
  const each = fc.asyncProperty(arbitrary, async (schedule) => {
    runs[schedule.webhook ? 'webhook' : 'polling']++;
    const life = await live(schedule);
    expect(brokenPromises(life)).toEqual([]);
    alsoCheck(life);
  });
  return fc.assert(each, { seed, numRuns: Math.ceil(schedules * share) });
}

function report(mode: keyof typeof runs): void {
  console.log(`${runs[mode]} schedules in ${mode} mode. The same again: FC_SEED=${seed} SCHEDULES=${schedules}`);
}

function expectAllDelivered(life: Life): void {
  for (const { key, content } of new Map(life.uploads.map((each) => [each.key, each])).values()) {
    const isImage = content === 'cat' || content === 'dog';
    if (isImage && !isDeleted(life, key)) expect(outcome(life, key)).toEqual({ result: true, error: undefined });
  }
}

describe('A deployment in simulated time', { timeout: 600_000 }, () => {
  afterAll(() => report('polling'));

  it('keeps its promises whatever happens', () => property(0.12, anySchedule));

  it('keeps its promises while uploads of one key crowd', () => property(0.42, crowdedSchedule));

  it('delivers every image without a person while faults pass', () =>
    property(0.06, passingSchedule, expectAllDelivered));
});

describe('A deployment in webhook mode, in simulated time', { timeout: 600_000 }, () => {
  afterAll(() => report('webhook'));

  it('keeps its promises whatever happens', () => property(0.06, withWebhook(anySchedule)));

  it('keeps its promises while uploads of one key crowd', () => property(0.08, withWebhook(crowdedSchedule)));

  it('delivers every image without a person while faults pass', () =>
    property(0.06, withWebhook(passingSchedule), expectAllDelivered));

  it('pays once, and delivers, whatever callbacks come', () =>
    property(0.1, onlyCallbacksSchedule, (life) => {
      expectAllDelivered(life);
      expect(life.world.gateway.posts).toHaveLength(1);
      // A slow call may outlast the function.
      const prompt = life.world.gateway.callbacks.filter(({ at, answeredAt }) => answeredAt - at < 15_000);
      for (const { path, status } of prompt) expect(status).toBe(path === 'right' ? 204 : 404);
    }));

  it('does not pay again for what a callback has revealed', () => property(0.1, doubtfulSchedule));
});
