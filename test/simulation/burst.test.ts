import { describe, expect, it } from 'vitest';
import { deploy } from '../../local/simulation/deployment.ts';
import { picture } from '../../local/simulation/pictures.ts';
import { LARGE_REGIONS, OTHER_REGIONS } from '../../local/simulation/quotas.ts';
import { peakPerSecond } from '../../local/simulation/rate.ts';
import { World } from '../../local/simulation/world.ts';
import { watchForSecrets } from './leaks.ts';

/** How many in regions of either kind; `UPLOADS=10000` for as many in both. Those of the second are past their bucket, too. */
const UPLOADS = Number(process.env.UPLOADS ?? 300);
/** How long a job of the gateway's takes, as in its documentation. */
const JOB = { outcome: 'COMPLETED' as const, seconds: 15 };

const deployment = await deploy();

describe('Thousands of uploads at once, in simulated time', { timeout: 600_000 }, () => {
  it.each([LARGE_REGIONS, OTHER_REGIONS])(
    'all end delivered and paid once under the quotas of $region',
    async (quotas) => {
      const world = new World(deployment, {
        pace: { callMs: (random) => 20 + 60 * random },
        quotas,
        gateway: { jobs: Array.from({ length: UPLOADS }, () => JOB) },
      });
      const leaks: string[] = [];
      watchForSecrets(world, ['simulated-key'], leaks);
      const transitions: number[] = [];
      world.on('transition', () => transitions.push(world.clock.now));
      world.at(0, () => {
        for (let n = 0; n < UPLOADS; n++) world.upload(`${n}.jpg`, picture('cat'));
      });
      await world.run();

      const delivered = world.executions.filter(({ output }) => output?.includes('"status":"DELIVERED"'));
      const results = world.uploads.flatMap(({ key }) => world.store.versions(deployment.resultsBucket, `${key}.png`));
      // Numbers, because a list of this length takes minutes to be shown, and is made ready to be shown in any case.
      expect({
        executions: world.executions.length,
        delivered: delivered.length,
        results: results.length,
        paid: world.gateway.jobs.length,
        posts: world.gateway.posts.length,
        deadLetters: world.movedBack,
        leaks: leaks.length,
      }).toEqual({
        ...{ executions: UPLOADS, delivered: UPLOADS, results: UPLOADS, paid: UPLOADS, posts: UPLOADS },
        ...{ deadLetters: 0, leaks: 0 },
      });
      expect(world.invocations.peak).toBeLessThanOrEqual(quotas.lambdaConcurrency);
      const { bucket, refillPerSecond } = quotas.stateTransitions;
      expect(peakPerSecond(transitions)).toBeLessThanOrEqual(bucket + refillPerSecond);
    },
  );
});
