import { describe, expect, it } from 'vitest';
import { deploy } from '../../local/simulation/deployment.ts';
import { picture } from '../../local/simulation/pictures.ts';
import { World } from '../../local/simulation/world.ts';

/** Jobs of 1 to 120 s, which all go well. */
const SECONDS = Array.from({ length: 20 }, (_, n) => 1 + Math.round((119 * n) / 19));
const WEBHOOK = { webhook: true };

const deployments = { polling: await deploy(), webhook: await deploy(WEBHOOK) };

describe.each(['polling', 'webhook'] as const)('A healthy deployment in %s mode', (mode) => {
  it('has no failed invocation, no line of a log above INFO, and no failed task', async () => {
    const world = new World(deployments[mode], {
      pace: { callMs: (random) => 20 + 60 * random },
      gateway: { jobs: SECONDS.map((seconds) => ({ outcome: 'COMPLETED' as const, seconds })) },
    });
    const seen = { failedInvocations: 0, alarmingLines: 0, failedTasks: 0 };
    world.on('invocation', (_of, _ms, hasThrown) => {
      if (hasThrown) seen.failedInvocations++;
    });
    world.on('log', (text) => {
      if (/"level":"(WARN|ERROR|CRITICAL)"/.test(String(text))) seen.alarmingLines++;
    });
    world.on('history', (_execution, { type }) => {
      if (/(Failed|TimedOut|Aborted)$/.test(type)) seen.failedTasks++;
    });
    world.at(0, () => {
      for (const seconds of SECONDS) world.upload(`${seconds}.jpg`, picture(`${seconds}`));
    });
    await world.run();

    const delivered = world.executions.filter(({ output = '' }) => output.includes('"status":"DELIVERED"'));
    expect(delivered).toHaveLength(SECONDS.length);
    expect(seen).toEqual({ failedInvocations: 0, alarmingLines: 0, failedTasks: 0 });
    if (mode === 'polling') return;
    // A callback that comes in time takes the place of all polls but one.
    const states = delivered.map(({ history }) => history.filter((each) => each.stateEnteredEventDetails).length);
    expect(new Set(states)).toEqual(new Set([5]));
  });
});
