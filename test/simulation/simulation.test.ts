import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { brokenPromises, isDeleted, outcome } from './promises.ts';
import { anySchedule, crowdedSchedule, passingSchedule, type Schedule } from './schedule.ts';
import { World } from './world.ts';

const seed = Number(process.env.FC_SEED ?? 20_300_101);
const schedules = Number(process.env.SCHEDULES ?? 2500);
let runs = 0;

async function live(schedule: Schedule): Promise<World> {
  runs++;
  const world = new World(schedule);
  await world.run();
  return world;
}

describe('A deployment in simulated time', { timeout: 600_000 }, () => {
  afterAll(() => console.log(`${runs} schedules, FC_SEED=${seed}`));

  it('keeps its promises whatever happens', async () => {
    const property = fc.asyncProperty(anySchedule, async (schedule) => {
      expect(brokenPromises(await live(schedule))).toEqual([]);
    });
    await fc.assert(property, { seed, numRuns: Math.ceil(schedules * 0.2) });
  });

  it('keeps its promises while uploads of one key crowd', async () => {
    const property = fc.asyncProperty(crowdedSchedule, async (schedule) => {
      expect(brokenPromises(await live(schedule))).toEqual([]);
    });
    await fc.assert(property, { seed, numRuns: Math.ceil(schedules * 0.7) });
  });

  it('delivers every image without a person while faults pass', async () => {
    const property = fc.asyncProperty(passingSchedule, async (schedule) => {
      const world = await live(schedule);
      expect(brokenPromises(world)).toEqual([]);
      for (const { key, content } of new Map(world.uploads.map((each) => [each.key, each])).values()) {
        const isImage = content === 'cat' || content === 'dog';
        if (isImage && !isDeleted(world, key)) expect(outcome(world, key)).toEqual({ result: true, error: undefined });
      }
    });
    await fc.assert(property, { seed, numRuns: Math.ceil(schedules * 0.1) });
  });
});
