import { expect, it } from 'vitest';
import { deploy } from '../../local/simulation/deployment.ts';
import { picture } from '../../local/simulation/pictures.ts';
import { World } from '../../local/simulation/world.ts';

/** Step Functions ends an execution at 25,000 events. */
const MAX_EVENTS = 20_000;
/** What it writes of a task that is entered, scheduled, started, succeeds and is left; and of any other state. */
const EVENTS_OF_TASK = 5;
const EVENTS_OF_STATE = 2;
/** The longest that the settings allow. */
const SIX_HOURS = { seconds: 6 * 3600 - 60 };

it('The history of the longest execution there can be, redriven once, stays far below what Step Functions allows', async () => {
  const deployment = await deploy({ timeoutMinutes: 360 });
  const job = { outcome: 'ERROR' as const, ...SIX_HOURS };
  const world = new World(deployment, {
    pace: { callMs: () => 50 },
    // Three submissions that end in ERROR after six hours each; the redrive allows as many more.
    gateway: { jobs: Array.from({ length: 6 }, () => job) },
  });
  world.at(0, () => world.upload('cat.jpg', picture('cat')));
  world.at(20 * 3600, () => world.redriveFailed());
  await world.run();

  const [execution] = world.executions;
  expect(execution).toMatchObject({ status: 'FAILED', error: 'RemovalError', redriveCount: 1 });
  expect(world.gateway.posts).toHaveLength(6);
  const entered = execution?.history.filter((event) => event.stateEnteredEventDetails) ?? [];
  const events = entered.map(({ type }) => (type === 'TaskStateEntered' ? EVENTS_OF_TASK : EVENTS_OF_STATE));
  expect(events.reduce((sum, each) => sum + each, 0)).toBeLessThan(MAX_EVENTS);
});
