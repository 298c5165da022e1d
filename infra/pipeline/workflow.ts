import { Duration } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import {
  type IChainable,
  IntegrationPattern,
  JitterType,
  JsonPath,
  type RetryProps,
  type StateMachine,
  TaskInput,
  Timeout,
  Wait,
  WaitTime,
} from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsService } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import type { ErrorName } from '../../functions/errors.ts';
import { WAITS_SECONDS } from '../../functions/gateway/polling.ts';
import { askAgainIn, type SignalName } from '../../functions/gateway/signals.ts';
import { functionTask, LoggedStateMachine } from '../parts/state-machine.ts';

/** Names of ours, so that a typo in the table does not compile. */
const named = (...names: (ErrorName | SignalName)[]): string[] => names;

/** Never retried: nothing changes before a person does something. After that, redriving goes on at the failed state. */
const never = (errors: string[]): RetryProps => ({ errors, maxAttempts: 0 });

/** As many as Step Functions takes. */
const MOST_ATTEMPTS = 99_999_999;

/** Full jitter halves the mean delay: 70 attempts, mostly up to 5 min apart, take 2 h 45 min on average. */
const OVER_TWO_HOURS: Omit<RetryProps, 'errors'> = {
  interval: Duration.seconds(10),
  backoffRate: 2,
  maxDelay: Duration.minutes(5),
  maxAttempts: 70,
  jitterStrategy: JitterType.FULL,
};
/** As above: 70 min on average. */
const ABOUT_AN_HOUR: Omit<RetryProps, 'errors'> = { ...OVER_TWO_HOURS, interval: Duration.seconds(5), maxAttempts: 33 };

/**
 * Who is tried again, and so who pays: a submission costs money and cannot be taken back. Step Functions takes the first
 * entry that names the error; what no entry names (a crash, a timeout, an error of Lambda's) falls to States.ALL.
 */
export const RETRY = {
  submit: [
    // Surely refused, and would be again.
    never([
      ...named('InvalidInput', 'ImageNotFound', 'NotAnImage', 'ImageTooLarge', 'ApiKeyNotSet', 'BadRequest'),
      ...named('Unauthorized', 'InsufficientBalance', 'Forbidden', 'NotFound'),
    ]),
    // Surely not accepted.
    {
      errors: [...named('TooManyRequests', 'GatewayUnreachable'), 'Lambda.TooManyRequestsException'],
      ...OVER_TWO_HOURS,
    },
    { errors: named('DownloadFailed', 'InternalError'), ...ABOUT_AN_HOUR },
    // Perhaps accepted: OutcomeUnknown, and every crash. 4 min, 16 min and 60 min apart.
    {
      errors: ['States.ALL'],
      interval: Duration.minutes(4),
      backoffRate: 4,
      maxDelay: Duration.hours(1),
      maxAttempts: 3,
    },
  ],
  // Asking costs nothing. What may pass of the gateway's errors, the function itself takes for "still working".
  checkStatus: [
    never([
      ...named('InvalidInput', 'ApiKeyNotSet', 'BadRequest', 'Unauthorized', 'InsufficientBalance', 'Forbidden'),
      ...named('NotFound', 'RemovalFailed', 'RemovalError', 'JobTimedOut', 'SubmitAgain'),
    ]),
    // Still working: this is how it polls. The function ends it when the job's time is over.
    ...WAITS_SECONDS.map((seconds) => ({
      errors: named(askAgainIn(seconds)),
      interval: Duration.seconds(seconds),
      backoffRate: 1,
      maxAttempts: MOST_ATTEMPTS,
    })),
    // Counted over all looks of a job, so one that fails now and then must not make the next ones rare.
    { errors: ['States.ALL'], ...OVER_TWO_HOURS, maxDelay: Duration.seconds(30), maxAttempts: 500 },
  ],
  // Nor does delivering.
  deliver: [
    never(named('InvalidInput', 'UntrustedResultUrl', 'InvalidResult', 'ResultTooLarge')),
    { errors: ['States.ALL'], ...ABOUT_AN_HOUR },
  ],
} satisfies Record<string, RetryProps[]>;

/**
 * A stop for what should never happen. The longest way through: three submissions of 6 h and their retries; far above
 * it, because Check status ends a job on time and says so better.
 */
const BACKSTOP = Duration.days(3);

/** How an execution waits for the gateway's callback. */
export interface CallbackProps {
  /** Where the waiting state leaves its task token. */
  readonly table: ITable;
  /** After this time the execution polls: longer than nearly every job, so that a callback that comes is in time. */
  readonly timeout: Duration;
}

export interface WorkflowProps {
  /** In polling mode, how long to wait before the first look. */
  readonly expectedTime: Duration;
  /** In webhook mode: where to wait for a callback, and how long. @default - polling mode */
  readonly callback?: CallbackProps | undefined;
  readonly submit: IFunction;
  readonly checkStatus: IFunction;
  readonly deliver: IFunction;
}

/**
 * The state machine: Submit → Wait (or Await callback) → Check status → Deliver.
 *
 * Check status is retried until the job has ended. The tasks fail uncaught, so that an execution can be redriven at the
 * very state that failed.
 */
export class Workflow extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, props: WorkflowProps) {
    super(scope, id);

    const submit = functionTask(this, 'Submit', {
      function: props.submit,
      retry: RETRY.submit,
      payload: TaskInput.fromObject({
        execution: JsonPath.stringAt('$$.Execution.Name'),
        state: JsonPath.objectAt('$'),
      }),
    });
    const checkStatus = functionTask(this, 'Check status', {
      function: props.checkStatus,
      retry: RETRY.checkStatus,
      payload: TaskInput.fromObject({
        redriveCount: JsonPath.numberAt('$$.Execution.RedriveCount'),
        job: JsonPath.objectAt('$'),
      }),
    });
    const deliver = functionTask(this, 'Deliver', {
      function: props.deliver,
      retry: RETRY.deliver,
      payload: TaskInput.fromJsonPathAt('$'),
    });
    checkStatus.addCatch(submit, { errors: named('SubmitAgain'), resultPath: JsonPath.DISCARD });

    const wait = props.callback
      ? this.awaitCallback(props.callback, checkStatus)
      : new Wait(this, 'Wait', { time: WaitTime.duration(props.expectedTime) });
    submit.next(wait).next(checkStatus).next(deliver);

    this.stateMachine = new LoggedStateMachine(this, 'StateMachine', {
      comment: 'Removes the background of one image with Bria RMBG 2.0',
      definition: submit,
      functions: [props.submit, props.checkStatus, props.deliver],
      timeout: BACKSTOP,
    });
  }

  /**
   * Waits until the gateway calls back. Whatever else happens – no callback in time, one that came even before, a table
   * that does not answer – the next state asks the gateway itself, and polls from there on if need be.
   */
  private awaitCallback({ table, timeout }: CallbackProps, next: IChainable): CallAwsService {
    const overtaken = ['DynamoDb.ConditionalCheckFailedException', 'DynamoDB.ConditionalCheckFailedException'];
    const state = new CallAwsService(this, 'Await callback', {
      service: 'dynamodb',
      action: 'updateItem',
      iamAction: 'dynamodb:UpdateItem',
      integrationPattern: IntegrationPattern.WAIT_FOR_TASK_TOKEN,
      iamResources: [table.tableArn],
      parameters: {
        TableName: table.tableName,
        Key: { submission: { S: JsonPath.stringAt('$.submissionId') } },
        UpdateExpression: 'SET taskToken = :token',
        ConditionExpression: 'attribute_not_exists(calledBackAt)',
        ExpressionAttributeValues: { ':token': { S: JsonPath.taskToken } },
      },
      taskTimeout: Timeout.duration(timeout),
      resultPath: JsonPath.DISCARD,
    });
    state.addRetry(never(['States.Timeout', ...overtaken]));
    state.addRetry({ errors: ['States.ALL'], interval: Duration.seconds(1), backoffRate: 2, maxAttempts: 3 });
    state.addCatch(next, { errors: ['States.ALL'], resultPath: JsonPath.DISCARD });
    return state;
  }
}
