import { describe, expect, it } from 'vitest';
import { deploy } from '../../local/simulation/deployment.ts';
import type { DeployedFunction, Handler } from '../../local/simulation/functions.ts';
import { World } from '../../local/simulation/world.ts';

const deployment = await deploy();

function functionOf(name: string, variables: Record<string, string>, handler: Handler): DeployedFunction {
  return { arn: name, name, timeoutSeconds: 3, memoryMb: 128, variables, environments: [handler] };
}

describe('A simulated function', () => {
  it('sees its own environment variables and no others', async () => {
    const variables = async () => ({ ...process.env });
    const functions = [functionOf('one', { NAME: 'first' }, variables), functionOf('two', { OTHER: '2' }, variables)];
    const world = new World({ ...deployment, functions }, { pace: { callMs: () => 10 } });
    const seen: unknown[] = [];
    for (const { arn } of functions) {
      world.at(0, () => void world.invocations.invoke(arn, {}).then((answer) => seen.push(answer)));
    }
    await world.run();

    expect(seen).toEqual([{ NAME: 'first' }, { OTHER: '2' }]);
    expect(process.env.PATH).toBeDefined();
  });
});
