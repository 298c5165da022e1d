import { describe, expect, it } from 'vitest';
import type { Misfortune } from '../../local/simulation/faults.ts';
import { live } from './life.ts';
import { brokenPromises } from './promises.ts';
import type { Schedule, Step } from './schedule.ts';

/** How long the call takes that goes wrong: as long as a newer upload from its beginning to its result. */
const SECONDS = 50;

/** A function in the middle of whose work something happens. */
interface Scene {
  function: string;
  schedule: Schedule;
  /** When something happens: while the function is at its call, in seconds. */
  at: number;
}

const CALM: Schedule = {
  versioned: true,
  pace: 'brisk',
  luck: 7,
  steps: [{ at: 0, upload: 'a.jpg', content: 'cat' }],
};
/** The first delivery fails for good, until it is redriven. */
const UNDELIVERED: Partial<Schedule> = { downloads: ['html', 'html'] };

const SCENES: Record<string, Scene> = {
  Submit: { function: 'submit', schedule: CALM, at: 10 },
  'Submit, in webhook mode': { function: 'submit', schedule: { ...CALM, webhook: [] }, at: 10 },
  Deliver: { function: 'deliver', schedule: CALM, at: 15 },
  'Deliver, in a bucket without versions': { function: 'deliver', schedule: { ...CALM, versioned: false }, at: 15 },
  'report-failure': { function: 'report-failure', schedule: { ...CALM, ...UNDELIVERED }, at: 15 },
};

/** What goes by meanwhile. */
const EVENTS: Record<string, (at: number) => Step[]> = {
  nothing: () => [],
  'a newer upload': (at) => [{ at, upload: 'a.jpg', content: 'dog' }],
  'an upload of the same bytes': (at) => [{ at, rewrite: 'a.jpg' }],
  'a newer upload that is no image': (at) => [{ at, upload: 'a.jpg', content: 'nothing' }],
  'a deletion': (at) => [{ at, remove: 'a.jpg' }],
  'a newer upload that is deleted for good': (at) => [
    { at, upload: 'a.jpg', content: 'dog' },
    { at: at + 20, purge: 'a.jpg', nth: 0 },
  ],
  'a redrive': (at) => [{ at, redrive: 'failed' }],
  'a change of settings': (at) => [{ at, settings: 'patient' }],
};

const FAULTS: Record<string, (call: number) => Misfortune['how']> = {
  'takes long': (stallsAtCall) => ({ stallsAtCall, seconds: SECONDS }),
  fails: (failsAtCall) => ({ failsAtCall, seconds: SECONDS }),
  'is the last, and without effect': (diesAtCall) => ({ diesAtCall, effect: 'not done', seconds: SECONDS }),
  'is the last': (diesAtCall) => ({ diesAtCall, effect: 'done', seconds: SECONDS }),
};

/** How many calls the first invocation of a scene's function makes if nothing goes wrong. */
async function callsIn(scene: Scene): Promise<number> {
  let first: number | undefined;
  await live(scene.schedule, (world) =>
    world.on('invocation', ({ name }, _ms, _hasThrown, calls) => {
      if (name === scene.function) first ??= calls;
    }),
  );
  return first ?? 0;
}

describe.each(Object.entries(SCENES))(
  '%s keeps the promises when any of its calls',
  { timeout: 120_000 },
  (_, scene) => {
    it.each(Object.entries(FAULTS))('%s, whatever goes by meanwhile', async (_fault, how) => {
      const calls = await callsIn(scene);
      expect(calls).toBeGreaterThan(3);
      const broken: string[] = [];
      for (let call = 1; call <= calls; call++) {
        for (const [event, steps] of Object.entries(EVENTS)) {
          const misfortunes: Misfortune[] = [{ function: scene.function, invocation: 1, how: how(call) }];
          const life = await live({
            ...scene.schedule,
            misfortunes,
            steps: [...scene.schedule.steps, ...steps(scene.at)],
          });
          broken.push(...brokenPromises(life).map((promise) => `call ${call}, ${event}: ${promise}`));
        }
      }
      expect(broken).toEqual([]);
    });
  },
);
