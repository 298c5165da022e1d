import { Duration } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import {
  Choice,
  Condition,
  type IChainable,
  IntegrationPattern,
  JitterType,
  JsonPath,
  Pass,
  type RetryProps,
  type StateMachine,
  TaskInput,
  Timeout,
  Wait,
  WaitTime,
} from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsService } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import type { Retried } from '../../functions/error-row.ts';
import { errorsWhere } from '../../functions/errors.ts';
import { functionTask, LoggedStateMachine } from '../parts/state-machine.ts';

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
/** After 4, 16 and 60 min. */
const THREE_TIMES: Omit<RetryProps, 'errors'> = {
  interval: Duration.minutes(4),
  backoffRate: 4,
  maxDelay: Duration.hours(1),
  maxAttempts: 3,
};

/** A submission that is refused meanwhile gives its count back. */
const ONCE: Omit<RetryProps, 'errors'> = { interval: Duration.seconds(45), maxAttempts: 1 };

const retried = (how: Retried): string[] => errorsWhere((row) => row.retried === how);
const NEVER: RetryProps = { errors: retried('no'), maxAttempts: 0 };
/** Lambda's answer when it did not run the function at all. */
const THROTTLED = 'Lambda.TooManyRequestsException';

/**
 * Who is tried again, and so who pays: a submission costs money and cannot be taken back. Step Functions takes the first
 * entry that names the error; what no entry names (a crash, a timeout, an error of Lambda's) falls to States.ALL.
 */
const RETRY = {
  submit: [
    NEVER,
    { errors: retried('once, within a minute'), ...ONCE },
    { errors: [...retried('for over two hours'), THROTTLED], ...OVER_TWO_HOURS },
    { errors: retried('for about an hour'), ...ABOUT_AN_HOUR },
    // OutcomeUnknown, and every crash: perhaps accepted.
    { errors: ['States.ALL'], ...THREE_TIMES },
  ],
  // Polling costs nothing. The function itself takes a failed poll that may pass for "still working".
  checkStatus: [NEVER, { errors: ['States.ALL'], ...OVER_TWO_HOURS }],
  // Nor does delivering.
  deliver: [NEVER, { errors: ['States.ALL'], ...ABOUT_AN_HOUR }],
} satisfies Record<string, RetryProps[]>;

/**
 * A stop for what should never happen. The longest way through: three submissions of 6 h, each with its callback and
 * its retries, and a delivery; well above it, because Check status ends a job on time and says so better.
 */
const BACKSTOP = Duration.days(4);

/** How an execution waits for the gateway's callback. */
export interface CallbackProps {
  /** Where the waiting state leaves its task token. */
  readonly table: ITable;
  /** After this time the execution polls: longer than nearly every job, so that a callback that comes is in time. */
  readonly timeout: Duration;
}

export interface WorkflowProps {
  /** In webhook mode: where to wait for a callback, and how long. @default - polling mode */
  readonly callback?: CallbackProps | undefined;
  readonly submit: IFunction;
  readonly checkStatus: IFunction;
  readonly deliver: IFunction;
}

/**
 * The state machine: Submit → Wait (or Await callback) → Check status → Finished? → Deliver, or back to Wait or Submit.
 *
 * The tasks fail uncaught, so that an execution can be redriven at the very state that failed.
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
    const wait = new Wait(this, 'Wait', { time: WaitTime.secondsPath('$.waitSeconds') });
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

    submit.next(props.callback ? this.awaitCallback(props.callback, checkStatus) : wait);
    wait
      .next(checkStatus)
      .next(
        new Choice(this, 'Finished?')
          .when(Condition.stringEquals('$.status', 'COMPLETED'), deliver)
          .when(Condition.stringEquals('$.status', 'ERROR'), submit)
          .when(Condition.stringEquals('$.status', 'SUPERSEDED'), this.superseded())
          .otherwise(wait),
      );

    this.stateMachine = new LoggedStateMachine(this, 'StateMachine', {
      comment: 'Removes the background of one image with Bria RMBG 2.0',
      definition: submit,
      functions: [props.submit, props.checkStatus, props.deliver],
      timeout: BACKSTOP,
    });
  }

  /** Succeeds without a delivery, with the output that Deliver has for a source that was overwritten later. */
  private superseded(): Pass {
    return new Pass(this, 'Superseded', {
      parameters: {
        status: 'SUPERSEDED',
        requestId: JsonPath.objectAt('$.requestId'),
        source: JsonPath.objectAt('$.source'),
        results: [],
      },
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
    state.addRetry({ errors: ['States.Timeout', ...overtaken], maxAttempts: 0 });
    state.addRetry({ errors: ['States.ALL'], interval: Duration.seconds(1), backoffRate: 2, maxAttempts: 3 });
    state.addCatch(next, { errors: ['States.ALL'], resultPath: JsonPath.DISCARD });
    state.next(next);
    return state;
  }
}
