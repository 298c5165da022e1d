import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { live } from './life.ts';
import { brokenPromises } from './promises.ts';
import type { Schedule } from './schedule.ts';
import { anySchedule, crowdedSchedule, doubtfulSchedule, onlyCallbacksSchedule, withWebhook } from './schedules.ts';

/**
 * Runs random schedules for as long as one likes, more than the tests do, with a new seed for each thousand.
 *
 *   npx node test/simulation/soak.ts --thousands 20
 */
const { values } = parseArgs({ options: { thousands: { type: 'string', default: '1' } } });
// Simulated time moves on by a month for each, and the dates of S3 end with the year 9999.
if (Number(values.thousands) > 90) throw new Error('At most 90 thousand in one process: run it again for more');

const KINDS: [name: string, share: number, schedule: fc.Arbitrary<Schedule>][] = [
  ['anything, polling', 0.25, anySchedule],
  ['one key, polling', 0.4, crowdedSchedule],
  ['anything, webhook', 0.1, withWebhook(anySchedule)],
  ['one key, webhook', 0.15, withWebhook(crowdedSchedule)],
  ['callbacks alone', 0.05, onlyCallbacksSchedule],
  ['doubtful submissions', 0.05, doubtfulSchedule],
];

const began = Date.now();
for (let thousand = 1; thousand <= Number(values.thousands); thousand++) {
  const seed = Math.floor(Math.random() * 2 ** 31);
  for (const [name, share, schedule] of KINDS) {
    const property = fc.asyncProperty(schedule, async (each) => {
      const broken = brokenPromises(await live(each));
      if (broken.length > 0) throw new Error(broken.join('; '));
    });
    const details = await fc.check(property, { seed, numRuns: 1000 * share });
    if (!details.failed) continue;
    console.log(`${name}, FC_SEED=${seed}: ${details.errorInstance}`);
    console.log(JSON.stringify(details.counterexample?.[0], null, 1));
    process.exitCode = 1;
  }
  console.log(
    `${thousand},000 schedules after ${Math.round((Date.now() - began) / 1000)} s; the last seed was ${seed}`,
  );
}
