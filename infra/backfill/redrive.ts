import { Duration } from 'aws-cdk-lib';
import {
  Choice,
  Condition,
  Fail,
  type IChainable,
  JsonPath,
  Pass,
  type StateMachine,
  Wait,
  WaitTime,
} from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsService } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import type { ErrorName } from '../../functions/errors.ts';
import { executionArn } from '../parts/arns.ts';
import { DESCRIBE_RETRY } from './retry.ts';

/** There is no such execution, or none could have the name. */
export const NOT_THERE = ['Sfn.ExecutionDoesNotExistException', 'Sfn.InvalidArnException'];

/** Redrives the earlier execution, which goes on at the state that failed, and waits for it. */
export function redriveEarlier(scope: Construct, removal: StateMachine): IChainable {
  const redrive = new CallAwsService(scope, 'Redrive', {
    service: 'sfn',
    action: 'redriveExecution',
    iamAction: 'states:RedriveExecution',
    iamResources: [executionArn(removal, ':*')],
    parameters: { ExecutionArn: JsonPath.stringAt('$.earlier.ExecutionArn') },
    resultPath: JsonPath.DISCARD,
  });
  const wait = new Wait(scope, 'Wait for it', { time: WaitTime.duration(Duration.seconds(15)) });
  const redriven = describeExecution(scope, 'Redriven execution', removal, {
    name: '$.earlier.Name',
    resultPath: '$.redriven',
  });
  const ended = new Pass(scope, 'Redriven', {
    parameters: { 'output.$': 'States.StringToJson($.redriven.Output)' },
    outputPath: '$.output',
  });
  const statusIs = (status: string) => Condition.stringEquals('$.redriven.Status', status);
  const failedAgain = new Fail(scope, 'Failed again', { errorPath: '$.redriven.Error', causePath: '$.redriven.Cause' });
  redrive.next(wait).next(redriven);
  redriven.next(
    new Choice(scope, 'Redriven to its end?')
      .when(statusIs('RUNNING'), wait)
      .when(statusIs('SUCCEEDED'), ended)
      .when(Condition.isPresent('$.redriven.Error'), failedAgain)
      .otherwise(new Fail(scope, 'Stopped', { error: 'Aborted' satisfies ErrorName })),
  );
  return redrive;
}

/** Describes an execution by its name. */
export function describeExecution(
  scope: Construct,
  id: string,
  removal: StateMachine,
  paths: { readonly name: string; readonly resultPath: string },
): CallAwsService {
  const describe = new CallAwsService(scope, id, {
    service: 'sfn',
    action: 'describeExecution',
    iamAction: 'states:DescribeExecution',
    iamResources: [executionArn(removal, ':*')],
    parameters: {
      ExecutionArn: JsonPath.format(executionArn(removal, ':{}'), JsonPath.stringAt(paths.name)),
    },
    resultPath: paths.resultPath,
  });
  describe.addRetry({ errors: NOT_THERE, maxAttempts: 0 });
  describe.addRetry(DESCRIBE_RETRY);
  return describe;
}
