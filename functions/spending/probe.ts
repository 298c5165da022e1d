import {
  DescribeExecutionCommand,
  ExecutionDoesNotExist,
  ExecutionNotRedrivable,
  paginateListExecutions,
  RedriveExecutionCommand,
  type SFNClient,
} from '@aws-sdk/client-sfn';
import { isErrorName, rowOf } from '../errors.ts';

/** Failed executions that are looked at, newest first: of some 15 a second that Step Functions tells of. */
const MAX_LOOKS = 100;

/**
 * Redrives one execution that failed for a reason of the account, to see whether the gateway accepts again: it costs
 * nothing unless it is accepted, and then it is an image that somebody waits for.
 *
 * @param preferred Name of the execution that is known to have failed so.
 * @returns the ARN of the one that runs now; undefined if there is none left that could be redriven
 */
export async function redriveOne(
  sfn: SFNClient,
  stateMachineArn: string,
  preferred: string,
): Promise<string | undefined> {
  let looks = 0;
  for await (const executionArn of candidates(sfn, stateMachineArn, preferred)) {
    if (++looks > MAX_LOOKS) break;
    if (await redrive(sfn, executionArn)) return executionArn;
  }
  return undefined;
}

/** Whether an execution has not ended. */
export async function isRunning(sfn: SFNClient, executionArn: string): Promise<boolean> {
  const { status } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
  return status === 'RUNNING';
}

async function* candidates(sfn: SFNClient, stateMachineArn: string, preferred: string): AsyncGenerator<string> {
  yield `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${preferred}`;
  const failed = { stateMachineArn, statusFilter: 'FAILED' as const, maxResults: MAX_LOOKS };
  for await (const { executions = [] } of paginateListExecutions({ client: sfn }, failed)) {
    for (const { executionArn } of executions) if (executionArn !== undefined) yield executionArn;
  }
}

/** @returns whether it runs now */
async function redrive(sfn: SFNClient, executionArn: string): Promise<boolean> {
  try {
    const { status, error } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    // It was redriven before, and has not come to an end.
    if (status === 'RUNNING') return true;
    if (status !== 'FAILED' || !isErrorName(error) || rowOf(error).pauses !== 'until one is accepted') return false;
    await sfn.send(new RedriveExecutionCommand({ executionArn }));
    return true;
  } catch (error) {
    if (error instanceof ExecutionDoesNotExist || error instanceof ExecutionNotRedrivable) return false;
    throw error;
  }
}
