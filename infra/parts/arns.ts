import { Arn, ArnFormat, Aws } from 'aws-cdk-lib';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';

/**
 * The ARN of executions, as the CDK puts it together.
 *
 * @param which What follows the state machine's name: `:*` for all, `/Label:*` for those of a Map Run.
 */
export function executionArn(stateMachineName: string, which: string): string {
  return Arn.format({
    partition: Aws.PARTITION,
    region: Aws.REGION,
    account: Aws.ACCOUNT_ID,
    service: 'states',
    resource: 'execution',
    resourceName: stateMachineName + which,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

/** The name of a state machine, as the CDK takes it from its ARN. */
export function stateMachineNameIn({ stateMachineArn }: StateMachine): string {
  return Arn.split(stateMachineArn, ArnFormat.COLON_RESOURCE_NAME).resourceName ?? '';
}
