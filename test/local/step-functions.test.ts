import { ListExecutionsCommand } from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { arnOf, ended, sfn, start, startMachines } from './step-functions/rig.ts';

startMachines();

describe('several state machines', () => {
  it('have executions of their own, under the same name too', async () => {
    const one = await start('child', { of: 'child' }, 'same');
    const other = await start('table', { key: 'none' }, 'same');
    expect(one).not.toBe(other);
    expect(JSON.parse((await ended(one)).output ?? '')).toEqual({ of: 'child' });
    expect(await ended(other)).toMatchObject({ status: 'FAILED', error: 'States.ItemReaderFailed' });
    const { executions } = await sfn.send(new ListExecutionsCommand({ stateMachineArn: arnOf('table') }));
    expect(executions?.map(({ executionArn }) => executionArn)).toEqual([other]);
  });

  it('that do not exist are refused', async () => {
    await expect(start('nobody', {})).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' });
    const list = new ListExecutionsCommand({ stateMachineArn: arnOf('nobody') });
    await expect(sfn.send(list)).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' });
  });
});
