import { describe, expect, it, onTestFinished } from 'vitest';
import { FunctionError } from '../../../local/lambda.ts';
import { type Execution, LocalStepFunctions, type StepFunctionsOptions } from '../../../local/step-functions.ts';
import { until } from '../../until.ts';

const ARN = 'arn:aws:states:us-east-1:000000000000:stateMachine:waiting';
const BUSY = new FunctionError({ errorType: 'Busy', errorMessage: 'Come back later', trace: [] });
const task = (more: object) => ({
  Type: 'Task',
  Resource: 'arn:aws:states:::lambda:invoke',
  Parameters: { FunctionName: 'work', 'Payload.$': '$' },
  OutputPath: '$.Payload',
  ...more,
});
const retry = (more: object) => ({ ErrorEquals: ['Busy'], IntervalSeconds: 240, BackoffRate: 4, ...more });

/** Runs a state machine whose function fails so many times each time that it is entered. */
async function run(
  States: Record<string, object>,
  { failures = 0, input = {}, ...options }: Partial<StepFunctionsOptions> & { failures?: number; input?: object } = {},
): Promise<Execution> {
  let tries = 0;
  const stepFunctions = new LocalStepFunctions({
    stateMachineArn: ARN,
    definition: { StartAt: Object.keys(States)[0], States } as unknown as StepFunctionsOptions['definition'],
    invoke: async () => {
      if (tries++ % (failures + 1) < failures) throw BUSY;
      return { tries };
    },
    shorten: (ms) => ms / 60_000,
    ...options,
  });
  onTestFinished(() => stepFunctions.close());
  const execution = stepFunctions.start('one', JSON.stringify(input));
  await until(() => execution.status !== 'RUNNING' || undefined);
  return execution;
}

describe('a wait', () => {
  it.each([
    ['Seconds', { Seconds: 120 }],
    ['SecondsPath', { SecondsPath: '$.seconds' }],
    ['Timestamp', { Timestamp: new Date(Date.now() + 120_000).toISOString() }],
    ['TimestampPath', { TimestampPath: '$.at' }],
  ])('of a Wait state with %s is told of, shortened, and hands its input on', async (_, fields) => {
    const input = { seconds: 120, at: new Date(Date.now() + 120_000).toISOString() };
    const execution = await run({ Pause: { Type: 'Wait', ...fields, End: true } }, { input });
    expect(execution).toMatchObject({ status: 'SUCCEEDED', output: JSON.stringify(input) });
    expect(execution.history.map(({ type }) => type)).toEqual([
      ...['ExecutionStarted', 'WaitStateEntered', 'WaitStateExited', 'ExecutionSucceeded'],
    ]);
    const [wait] = execution.waits;
    expect(wait).toMatchObject({ state: 'Pause', kind: 'time', eventId: 2 });
    expect(wait?.askedMs).toBeGreaterThan(60_000);
    expect(wait?.ms).toBe((wait?.askedMs ?? 0) / 60_000);
  });

  it('before each further attempt is as long as the definition says', async () => {
    const told: number[] = [];
    const execution = await run(
      { Work: task({ Retry: [{ ErrorEquals: ['Else'] }, retry({ MaxDelaySeconds: 3600 })], End: true }) },
      { failures: 3, onWait: (_, { askedMs }) => void told.push(askedMs / 60_000) },
    );
    expect(execution.status).toBe('SUCCEEDED');
    expect(told).toEqual([4, 16, 60]);
    const failures = execution.history.filter(({ type }) => type === 'TaskFailed').map(({ id }) => id);
    expect(execution.waits.map(({ kind, eventId, ms }) => [kind, eventId, ms])).toEqual([
      ...failures.map((id, index) => ['attempt', id, [4, 16, 60][index]]),
    ]);
  });

  it('before a further attempt begins anew when the state is entered anew', async () => {
    const execution = await run(
      {
        Work: task({ Retry: [retry({})], Next: 'Enough?' }),
        'Enough?': {
          Type: 'Choice',
          Choices: [{ Variable: '$.tries', NumericLessThan: 6, Next: 'Work' }],
          Default: 'Done',
        },
        Done: { Type: 'Succeed' },
      },
      { failures: 2 },
    );
    expect(execution.waits.map(({ askedMs }) => askedMs / 60_000)).toEqual([4, 16, 4, 16]);
  });

  it('with full jitter is at most as long', async () => {
    const execution = await run(
      { Work: task({ Retry: [retry({ JitterStrategy: 'FULL' })], End: true }) },
      { failures: 1 },
    );
    const [{ askedMs = 0 } = {}] = execution.waits;
    expect(askedMs).toBeGreaterThan(0);
    expect(askedMs).toBeLessThan(240_000);
  });

  it('is none after the last attempt, nor where another handler catches', async () => {
    const failed = await run({ Work: task({ Retry: [retry({ MaxAttempts: 1 })], End: true }) }, { failures: 9 });
    expect(failed).toMatchObject({ status: 'FAILED', error: 'Busy' });
    expect(failed.waits).toHaveLength(1);
    const caught = await run(
      { Work: task({ Catch: [{ ErrorEquals: ['Busy'], Next: 'Done' }], Next: 'Done' }), Done: { Type: 'Succeed' } },
      { failures: 9 },
    );
    expect(caught).toMatchObject({ status: 'SUCCEEDED', waits: [] });
  });

  it('for a callback is told of with its limit', async () => {
    const state = {
      Type: 'Task',
      Resource: 'arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken',
      TimeoutSeconds: 300,
      Catch: [{ ErrorEquals: ['States.Timeout'], Next: 'Done' }],
      Next: 'Done',
    };
    const execution = await run({ Await: state, Done: { Type: 'Succeed' } }, { updateItem: async () => ({}) });
    expect(execution.status).toBe('SUCCEEDED');
    expect(execution.waits).toMatchObject([{ state: 'Await', kind: 'callback', askedMs: 300_000, ms: 5 }]);
  });
});
