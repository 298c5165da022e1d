import type { ExecutionWait } from './waits.ts';

export type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/** What happened in an execution, in the shape of Step Functions' history. */
export interface HistoryEvent {
  id: number;
  timestamp: number;
  type: string;
  stateEnteredEventDetails?: { name: string; input: string };
  stateExitedEventDetails?: { name: string; output: string };
  taskFailedEventDetails?: { error: string; cause: string };
  executionFailedEventDetails?: { error: string; cause: string };
}

export interface Execution {
  arn: string;
  stateMachineArn: string;
  name: string;
  status: ExecutionStatus;
  input: string;
  output?: string;
  error?: string;
  cause?: string;
  startDate: number;
  stopDate?: number;
  redriveCount: number;
  /** The Map Run that it is a child of. */
  mapRunArn?: string;
  history: HistoryEvent[];
  /** Its waits, which AWS does not tell. */
  waits: ExecutionWait[];
}

/** An execution as `startExecution.sync:2` and a Map Run's result files describe it: times in milliseconds. */
export function describeChild(execution: Execution): Record<string, string | number | { Included: boolean }> {
  const { arn, stateMachineArn, name, status, input, output, error, cause, startDate, stopDate } = execution;
  return {
    ExecutionArn: arn,
    Input: input,
    InputDetails: { Included: true },
    Name: name,
    ...(output !== undefined && { Output: output, OutputDetails: { Included: true } }),
    ...(error !== undefined && { Error: error }),
    ...(cause !== undefined && { Cause: cause }),
    StartDate: startDate,
    StateMachineArn: stateMachineArn,
    Status: status,
    ...(stopDate !== undefined && { StopDate: stopDate }),
  };
}

/** A time as the API gives it: seconds since the epoch. */
export function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

/** An error that a state's Retry and Catch know by this name. */
export function named(name: string, cause: string): Error {
  return Object.assign(new Error(cause), { name });
}
