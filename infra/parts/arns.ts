import { Arn, ArnFormat, Stack } from 'aws-cdk-lib';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';

/**
 * The ARN of executions of a state machine, as the CDK puts it together: with the account and region of the stack where
 * they are known.
 *
 * @param which What follows the state machine's name: `:*` for all, `/Label:*` for those of a Map Run.
 * @param name The state machine's name. @default - its `stateMachineName`
 */
export function executionArn(stateMachine: StateMachine, which: string, name = stateMachine.stateMachineName): string {
  return Stack.of(stateMachine).formatArn({
    service: 'states',
    resource: 'execution',
    resourceName: name + which,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

/** The name of a state machine, as the CDK takes it from its ARN. */
export function stateMachineNameIn({ stateMachineArn }: StateMachine): string {
  return Arn.split(stateMachineArn, ArnFormat.COLON_RESOURCE_NAME).resourceName ?? '';
}
