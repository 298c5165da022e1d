import type { DescribeExecutionOutput } from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { CutoutError, ERRORS } from '../../../functions/errors.ts';
import { whatFailed } from '../../../functions/results/failure.ts';

/** A failed execution as DescribeExecution tells of it. */
function execution(outcome: Partial<DescribeExecutionOutput>): DescribeExecutionOutput {
  return {
    executionArn: 'arn:aws:states:eu-central-1:111122223333:execution:Cutout:cat',
    stateMachineArn: 'arn:aws:states:eu-central-1:111122223333:stateMachine:Cutout',
    startDate: new Date(0),
    status: 'FAILED',
    ...outcome,
  };
}

/** The cause that Step Functions makes of an error that a function threw. */
function causeOf(error: Error): string {
  const trace = ['Error: at /var/task/index.mjs:1:2', 'at Runtime.handleOnceNonStreaming'];
  return JSON.stringify({ errorType: error.name, errorMessage: error.message, trace });
}

describe('why an execution failed', () => {
  it('is what the function said, without the stack that came along', () => {
    const error = new CutoutError('ImageNotFound', 'There is no object s3://uploads/cat.jpg (any more)');
    expect(whatFailed(execution({ error: 'ImageNotFound', cause: causeOf(error) }), 'Submit')).toEqual({
      error: 'ImageNotFound',
      cause: error.message,
    });
  });

  it('is the cause as it is, if that is no JSON', () => {
    const cause = `The gateway could not remove the background: too dark. ${ERRORS.RemovalFailed.remedy}`;
    expect(whatFailed(execution({ error: 'RemovalFailed', cause }), 'Check status')).toEqual({
      error: 'RemovalFailed',
      cause,
    });
  });

  it.each([undefined, '{}', '{"errorMessage":7}', '7'])('is the name and its remedy if the cause is %j', (cause) => {
    expect(whatFailed(execution({ error: 'Unauthorized', cause }), 'Submit')).toEqual({
      error: 'Unauthorized',
      cause: `Unauthorized. ${ERRORS.Unauthorized.remedy}`,
    });
  });

  it.each([
    'Lambda.Unknown',
    'Sandbox.Timedout',
    'Runtime.ExitError',
    'Runtime.OutOfMemory',
    'States.Timeout',
    'TypeError',
  ])('is an InternalError if the function crashed with %s, and names the state but none of the details', (error) => {
    const cause = causeOf(new Error('arn:aws:iam::111122223333:role/secret is not authorized'));
    expect(whatFailed(execution({ error, cause }), 'Check status')).toEqual({
      error: 'InternalError',
      cause: `A function crashed or could not be run (${error}) in the state "Check status". ${ERRORS.InternalError.remedy}`,
    });
  });

  it("withholds InternalError's details, which quote other people's messages", () => {
    const cause = causeOf(new Error('Something unforeseen happened (AccessDenied: role/secret is not authorized)'));
    expect(whatFailed(execution({ error: 'InternalError', cause }), 'Deliver')).toEqual({
      error: 'InternalError',
      cause: `Something unforeseen happened in the state "Deliver". ${ERRORS.InternalError.remedy}`,
    });
  });

  it('does without the state if that is not known', () => {
    expect(whatFailed(execution({ error: 'InternalError' }), undefined).cause).toBe(
      `Something unforeseen happened. ${ERRORS.InternalError.remedy}`,
    );
  });

  it('is the time limit if the state machine ran into it', () => {
    expect(whatFailed(execution({ status: 'TIMED_OUT', error: 'States.Timeout' }), 'Wait')).toEqual({
      error: 'JobTimedOut',
      cause: `The execution ran into the time limit of the state machine. ${ERRORS.JobTimedOut.remedy}`,
    });
  });

  it('is that somebody stopped it, whatever they gave as the reason', () => {
    const stopped = execution({ status: 'ABORTED', error: 'Deploying', cause: 'ask me, https://chat.example/?secret' });
    expect(whatFailed(stopped, 'Wait')).toEqual({
      error: 'Aborted',
      cause: `The execution was stopped. ${ERRORS.Aborted.remedy}`,
    });
  });
});
