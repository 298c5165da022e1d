import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { AwsError } from '../../../local/aws-api.ts';
import { until } from '../../until.ts';
import { arnOf, ended, outputOf, refusals, sfn, start, startMachines, stepFunctions } from './rig.ts';

startMachines();

describe('a nested execution', () => {
  it('gives the parent its parsed output', async () => {
    const output = await outputOf('parent', { name: 'good', input: { cat: 1 } });
    expect(output).toMatchObject({
      ExecutionArn: 'arn:aws:states:us-east-1:000000000000:execution:child:good',
      ...{ Name: 'good', Status: 'SUCCEEDED', StateMachineArn: arnOf('child') },
      ...{ Input: { cat: 1 }, Output: { cat: 1 } },
    });
    expect(output.StopDate).toBeGreaterThanOrEqual(output.StartDate);
  });

  it('that fails is a task that failed, whose cause says which and why', async () => {
    const caught = await outputOf('catching', { name: 'failing', input: { bad: true } });
    expect(caught.Error).toBe('States.TaskFailed');
    expect(JSON.parse(caught.Cause)).toMatchObject({ Name: 'failing', Status: 'FAILED', Error: 'BadImage' });
  });

  it('whose name is taken is refused with the error that a Retry would name', async () => {
    await outputOf('parent', { name: 'once', input: {} });
    const parent = await ended(await start('parent', { name: 'once', input: {} }));
    expect(parent).toMatchObject({ status: 'FAILED', error: 'StepFunctions.ExecutionAlreadyExistsException' });
  });

  it('can be looked at by another execution, by its ARN', async () => {
    const { ExecutionArn: arn } = await outputOf('parent', { name: 'looked-at', input: {} });
    expect(await outputOf('looking', { arn })).toEqual({
      ...{ status: 'SUCCEEDED', stopped: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) },
    });
    const failed = await ended(await start('looking', { arn: `${arn}-not` }));
    expect(failed).toMatchObject({ status: 'FAILED', error: 'Sfn.ExecutionDoesNotExistException' });
  });

  it('is started again after it was throttled', async () => {
    refusals.push(new AwsError('ThrottlingException', 'Rate exceeded'));
    const { Output } = await outputOf('catching', { name: 'throttled', input: { cat: 2 } });
    expect(Output).toEqual({ cat: 2 });
  });

  it('is shared by parents that start it by the same name while it runs, and ends with a parent that is stopped', async () => {
    const input = { name: 'shared', input: { busy: 'nested' } };
    const parents = [await start('parent', input), await start('parent', input)];
    const shared = await until(() => stepFunctions.executions.find(({ name }) => name === 'shared'));
    await sfn.send(new StopExecutionCommand({ executionArn: parents[0] }));
    expect(await ended(parents[0] ?? '')).toMatchObject({ status: 'ABORTED' });
    expect(await ended(shared.arn)).toMatchObject({ status: 'ABORTED' });
    const other = await ended(parents[1] ?? '');
    expect(other).toMatchObject({ status: 'FAILED', error: 'States.TaskFailed' });
    expect(JSON.parse(other.cause ?? '')).toMatchObject({ ExecutionArn: shared.arn, Status: 'ABORTED' });
  });
});
