import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import {
  DefinitionBody,
  type IChainable,
  LogLevel,
  type RetryProps,
  StateMachine,
  StateMachineType,
  type TaskInput,
  Timeout,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import { acceptWildcard } from './nag.ts';
import { uniqueName } from './names.ts';

export interface LoggedStateMachineProps {
  readonly comment: string;
  readonly definition: IChainable;
  /** The functions that its tasks invoke. */
  readonly functions: IFunction[];
  readonly timeout: Duration;
}

/** A Standard state machine with a log and traces. */
export class LoggedStateMachine extends StateMachine {
  constructor(scope: Construct, id: string, props: LoggedStateMachineProps) {
    const destination = new LogGroup(scope, 'Log', {
      // Log groups of this name share one resource policy, which otherwise runs into its size limit.
      logGroupName: `/aws/vendedlogs/states/${uniqueName(scope, 100)}`,
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    super(scope, id, {
      comment: props.comment,
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromChainable(props.definition),
      timeout: props.timeout,
      tracingEnabled: true,
      logs: { destination, level: LogLevel.ALL, includeExecutionData: false },
    });
    acceptWildcard(this, '*', 'Log delivery and X-Ray take no resource.');
    for (const { functionArn } of props.functions) {
      acceptWildcard(this, `${functionArn}:*`, 'The versions of one function.');
    }
  }
}

export interface FunctionTaskProps {
  readonly function: IFunction;
  readonly payload: TaskInput;
  /** All there are: who is retried decides who pays, so the CDK adds none of its own. */
  readonly retry: RetryProps[];
  /** Where the function's output goes, as `output`, in what the state was given. @default - it takes its place */
  readonly resultPath?: string;
  /** A backstop: the function's own timeout ends it sooner, and says more. @default Duration.minutes(10) */
  readonly timeout?: Duration;
}

/** A task that invokes a function and goes on with what it returns. */
export function functionTask(scope: Construct, id: string, props: FunctionTaskProps): LambdaInvoke {
  const task = new LambdaInvoke(scope, id, {
    lambdaFunction: props.function,
    payload: props.payload,
    ...(props.resultPath === undefined
      ? { outputPath: '$.Payload' }
      : { resultSelector: { 'output.$': '$.Payload' }, resultPath: props.resultPath }),
    retryOnServiceExceptions: false,
    taskTimeout: Timeout.duration(props.timeout ?? Duration.minutes(10)),
  });
  for (const retry of props.retry) task.addRetry(retry);
  return task;
}
