import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { executionArn, stateMachineNameIn } from '../parts/arns.ts';
import type { Buckets } from '../parts/bucket-access.ts';
import { acceptWildcard } from '../parts/nag.ts';
import { REMOVE_LABEL } from './remove.ts';
import { SELECT_LABEL } from './select.ts';

/** Lets the state machine of backfills list uploads, and keep its files. */
export function allowFiles(stateMachine: StateMachine, { uploads, results }: Buckets): void {
  const files = ['s3:GetObject', 's3:PutObject', 's3:ListMultipartUploadParts', 's3:AbortMultipartUpload'];
  const permissions = [uploads.list(), results.objects(files, 'backfills/*'), ...results.encryptMapResults()];
  for (const { actions, resources, wildcard } of permissions) {
    stateMachine.addToRolePolicy(new PolicyStatement({ actions, resources }));
    if (wildcard) for (const resource of resources) acceptWildcard(stateMachine, resource, wildcard);
  }
}

/** Accepts what the CDK grants for starting, watching and stopping executions and Map Runs. */
export function acceptExecutions(stateMachine: StateMachine, removal: StateMachine): void {
  const name = stateMachineNameIn(stateMachine);
  const arns = [
    executionArn(removal, ':*'),
    executionArn(removal, '*', stateMachineNameIn(removal)),
    executionArn(stateMachine, ':*', name),
    ...[SELECT_LABEL, REMOVE_LABEL].map((label) => executionArn(stateMachine, `/${label}:*`, name)),
  ];
  const reason = 'Executions of these two state machines; the CDK grants what starting and watching them takes.';
  for (const arn of arns) acceptWildcard(stateMachine, arn, reason);
}
