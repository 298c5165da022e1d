import { describe, expect, it } from 'vitest';
import { errorsWhere } from '../../functions/errors.ts';
import { type Deployment, deploy } from '../../local/simulation/deployment.ts';
import type { Misfortune } from '../../local/simulation/faults.ts';
import type { GatewayPlan } from '../../local/simulation/gateway-plan.ts';
import { luck } from '../../local/simulation/luck.ts';
import { picture } from '../../local/simulation/pictures.ts';
import { LARGE_REGIONS } from '../../local/simulation/quotas.ts';
import { World } from '../../local/simulation/world.ts';

/** How many uploads at once, and how many later; `UPLOADS=10000` for as many. */
const UPLOADS = Number(process.env.UPLOADS ?? 400);
const LATER = 20;
/** Images of a day, where there is a limit. */
const LIMIT = 60;
const DAY_S = 24 * 3600;
const PAUSING = errorsWhere(({ pauses }) => pauses !== undefined);

const polling = await deploy();
const limited = await deploy({ imagesPerDay: LIMIT });

interface Options {
  gateway?: GatewayPlan;
  misfortunes?: Misfortune[];
  /** Runs before anything happens. */
  prepare?: (world: World) => void;
}

/** Drops uploads at once, and others while they are held back. Nobody does anything else. */
async function drop(deployment: Deployment, { gateway = {}, misfortunes = [], prepare }: Options): Promise<World> {
  const world = new World(deployment, {
    pace: { callMs: (random) => 20 + 60 * random },
    ...{ quotas: LARGE_REGIONS, gateway, faults: { misfortunes } },
  });
  prepare?.(world);
  world.at(0, () => {
    for (let n = 0; n < UPLOADS; n++) world.upload(`${n}.jpg`, picture(`${n}`));
  });
  for (let n = 0; n < LATER; n++) world.at(60 + 20 * n, () => world.upload(`later-${n}.jpg`, picture(`later ${n}`)));
  await world.run();
  return world;
}

/** Every upload has one execution, which delivered, or failed for a reason of the account; what is delivered is paid once. */
function expectThatAllEnded(world: World): { delivered: number; failed: number } {
  const delivered = world.executions.filter(({ output }) => output?.includes('"status":"DELIVERED"')).length;
  const errors = world.executions.filter(({ status }) => status === 'FAILED').map(({ error = '' }) => error);
  const paid = new Set(world.gateway.jobs.map(({ imageUrl }) => new URL(imageUrl).pathname));
  expect({
    executions: world.executions.length,
    ended: delivered + errors.length,
    strange: errors.filter((error) => !PAUSING.some((name) => name === error)),
    paid: world.gateway.jobs.length,
    paidOnce: paid.size,
    ...{ waiting: world.waiting, deadLetters: world.movedBack, isPaused: world.isPaused },
  }).toEqual({
    ...{ executions: UPLOADS + LATER, ended: UPLOADS + LATER, strange: [], paid: delivered, paidOnce: delivered },
    ...{ waiting: 0, deadLetters: 0, isPaused: false },
  });
  return { delivered, failed: errors.length };
}

describe('Uploads on an empty wallet, in simulated time', { timeout: 600_000 }, () => {
  it.each([20 * 60, DAY_S])(
    'wait until it is filled, after %i s; then all end, and none is paid twice',
    async (seconds) => {
      const world = await drop(polling, { gateway: { outage: { at: 0, seconds, as: { status: 402 } } } });
      const { failed } = expectThatAllEnded(world);
      // Only those that were started before the first answer was known.
      expect(failed).toBeLessThan(UPLOADS / 2);
      const probes = world.gateway.posts.filter(
        ({ at }) => at > world.clock.startedAt + 600_000 && at < world.clock.startedAt + seconds * 1000,
      );
      expect(probes.length).toBeLessThanOrEqual(seconds / 300);
    },
  );

  it('wait also where keep-pause, on-upload and Submit die now and then', async () => {
    const random = luck(5);
    const misfortunes = ['keep-pause', 'on-upload', 'submit'].flatMap((name) =>
      Array.from(
        { length: 20 },
        (_, index): Misfortune => ({
          function: name,
          invocation: 1 + index * 3 + Math.floor(3 * random()),
          how: { diesAtCall: Math.floor(5 * random()), effect: random() < 0.5 ? 'done' : 'not done' },
        }),
      ),
    );
    const world = await drop(polling, {
      misfortunes,
      gateway: { outage: { at: 0, seconds: 3600, as: { status: 402 } } },
    });
    expect(world.waiting).toBe(0);
    expect(world.isPaused).toBe(false);
    expect(world.executions).toHaveLength(UPLOADS + LATER);
    expect(world.executions.filter(({ status }) => status === 'RUNNING')).toEqual([]);
  });

  it('go on when the API key is stored', async () => {
    const world = await drop(polling, {
      prepare: (each) => {
        each.rotateKey('');
        each.at(1800, () => each.rotateKey('good'));
      },
    });
    expect(world.gateway.jobs.length).toBeGreaterThan(LATER);
    expectThatAllEnded(world);
  });
});

describe('Uploads above the daily limit, in simulated time', { timeout: 600_000 }, () => {
  it('wait until midnight, day after day', async () => {
    const world = await drop(limited, {});
    const { delivered } = expectThatAllEnded(world);
    const days = Map.groupBy(world.gateway.posts, ({ at }) => Math.floor(at / (DAY_S * 1000)));
    expect(days.size).toBeGreaterThan(2);
    for (const posts of days.values()) expect(posts.length).toBeLessThanOrEqual(LIMIT);
    expect(delivered).toBeGreaterThan(LIMIT);
  });
});
