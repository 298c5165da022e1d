import type { EventPattern } from 'aws-cdk-lib/aws-events';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';

/** The statuses of an execution that ended without delivering anything. */
export const FAILURES = ['FAILED', 'TIMED_OUT', 'ABORTED'];

/** A pattern for Step Functions' event about executions of a state machine, with conditions on further details. */
export function statusChange({ stateMachineArn }: IStateMachine, detail: Record<string, unknown>) {
  return {
    source: ['aws.states'],
    detailType: ['Step Functions Execution Status Change'],
    detail: { stateMachineArn: [stateMachineArn], ...detail },
  } satisfies EventPattern;
}
