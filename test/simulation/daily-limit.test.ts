import { describe, expect, it } from 'vitest';
import { deploy } from '../../local/simulation/deployment.ts';
import type { AwsFault, Misfortune } from '../../local/simulation/faults.ts';
import { luck } from '../../local/simulation/luck.ts';
import { picture } from '../../local/simulation/pictures.ts';
import { World } from '../../local/simulation/world.ts';

const LIMIT = 300;
const IMAGES = 1_000;
const DAY_MS = 24 * 3600 * 1000;

const deployment = await deploy({ imagesPerDay: LIMIT });

/** Every sixth invocation of Submit dies, somewhere between its look at the image and the answer to its POST. */
function crashes(random: () => number): Misfortune[] {
  return Array.from({ length: IMAGES }, (_, index) => ({
    function: 'submit',
    invocation: 1 + index * 6 + Math.floor(6 * random()),
    how: {
      diesAtCall: 3 + Math.floor(4 * random()),
      effect: random() < 0.5 ? ('done' as const) : ('not done' as const),
    },
  }));
}

/** Every fifth answer of the counter is lost, and the SDK may ask once more; or it is throttled. */
function lostAnswers(random: () => number): AwsFault[] {
  const ways: AwsFault['as'][] = ['answer lost', 'repeated', 'repeated', 'throttled'];
  return Array.from({ length: IMAGES }, (_, index) => ({
    operation: 'UpdateItem',
    nth: 1 + index * 5 + Math.floor(5 * random()),
    as: ways[Math.floor(ways.length * random())] ?? 'repeated',
  }));
}

/** A world in which as many executions start at once, so many seconds before midnight. */
async function submitAtOnce(seed: number, secondsBeforeMidnight: number): Promise<World> {
  const random = luck(seed);
  const submissions = Array.from({ length: 6 * IMAGES }, () => {
    const dice = random();
    if (dice < 0.1) return { status: 429 };
    return dice < 0.15 ? ('accept-then-reset' as const) : dice < 0.2 ? ('ECONNREFUSED' as const) : ('accept' as const);
  });
  const world = new World(deployment, {
    ...{ seed, pace: { callMs: (part) => 10 + 90 * part } },
    // Some jobs end in ERROR, which is not charged, and are submitted again.
    gateway: {
      submissions,
      jobs: Array.from({ length: IMAGES }, (_, n) => ({ outcome: n % 9 ? 'COMPLETED' : 'ERROR', seconds: 3 })),
    },
    // Other workflows start them, not their uploads.
    faults: {
      events: Array.from({ length: IMAGES }, () => []),
      misfortunes: crashes(random),
      awsFaults: lostAnswers(random),
    },
  });
  const { uploadsBucket: bucket } = deployment;
  world.at(DAY_MS / 1000 - secondsBeforeMidnight, () => {
    for (let n = 0; n < IMAGES; n++) {
      const key = `${n}.jpg`;
      world.upload(key, picture(key));
      world.start(`image-${n}`, { bucket, key });
    }
  });
  await world.run();
  return world;
}

/** What the gateway has accepted on each day. */
function acceptedByDay({ gateway }: World): number[] {
  const days = Map.groupBy(
    gateway.posts.filter(({ requestId }) => requestId !== undefined),
    ({ at }) => Math.floor(at / DAY_MS),
  );
  return [...days.values()].map(({ length }) => length);
}

describe('Executions for 1,000 images at once, with crashes and lost answers of the counter', {
  timeout: 600_000,
}, () => {
  it('pay for no image more than the limit of a day', async () => {
    const world = await submitAtOnce(1, 12 * 3600);
    const [accepted = 0, ...others] = acceptedByDay(world);
    expect(others).toEqual([]);
    expect(accepted).toBeLessThanOrEqual(LIMIT);
    // It is a limit, and no standstill.
    expect(accepted).toBeGreaterThan(0.6 * LIMIT);
    expect(world.executions).toHaveLength(IMAGES);
    const errors = Map.groupBy(
      world.executions.filter(({ status }) => status === 'FAILED'),
      ({ error = '' }) => error,
    );
    expect(errors.get('DailyLimitReached')?.length).toBeGreaterThan(IMAGES / 2);
  });

  it('pay around midnight for no image more than two days allow, though what one counted may be paid on the other', async () => {
    const accepted = acceptedByDay(await submitAtOnce(4, 0.4));
    expect(accepted).toHaveLength(2);
    const [before = 0, after = 0] = accepted;
    expect(before).toBeLessThanOrEqual(LIMIT);
    expect(before + after).toBeLessThanOrEqual(2 * LIMIT);
  });
});
