import { ArnFormat, Duration, Stack } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { PAUSE_FILE } from '../../functions/spending/pause-file.ts';
import { executionArn } from '../parts/arns.ts';
import type { BucketAccess, Deployment } from '../parts/bucket-access.ts';
import { BundledFunction, type Permission } from '../parts/function.ts';
import { accept } from '../parts/nag.ts';

/** How often it is looked whether a pause is over. The alarms on waiting uploads rest on it. */
const EVERY = Duration.minutes(5);

/** Where a pause stands, and what it takes to look at it and to change it. */
export class PauseAccess {
  /** Environment of the functions that look at it, besides the name of the results bucket. */
  readonly environment: Record<string, string>;
  readonly look: Permission[];
  readonly change: Permission[];
  readonly lift: Permission;

  constructor(results: BucketAccess) {
    this.environment = { RESULTS_BUCKET: results.bucket.bucketName, PAUSE_KEY: `${results.prefix}${PAUSE_FILE}` };
    this.look = [results.objects(['s3:GetObject'], PAUSE_FILE), results.list()];
    this.lift = results.objects(['s3:DeleteObject'], PAUSE_FILE);
    this.change = [results.objects(['s3:PutObject', 's3:DeleteObject'], PAUSE_FILE), ...results.encrypt()];
  }
}

export interface KeepPauseProps extends Deployment {
  readonly pause: PauseAccess;
  /** The state machine of whose failed executions one is redriven. */
  readonly stateMachine: StateMachine;
  /** What takes uploads from their queue. */
  readonly eventSource: SqsEventSource;
}

/** Keeps uploads in their queue during a pause, and finds out when it is over: a schedule → keep-pause. */
export class KeepPause extends Construct {
  constructor(scope: Construct, id: string, props: KeepPauseProps) {
    super(scope, id);
    const { deployment, pause, stateMachine, eventSource } = props;
    const keepPause = new BundledFunction(this, 'Function', {
      bundle: 'keep-pause',
      deployment,
      description: 'Keeps uploads in their queue during a pause, and finds out when it is over',
      environment: {
        ...pause.environment,
        STATE_MACHINE_ARN: stateMachine.stateMachineArn,
        UPLOADS_EVENT_SOURCE_MAPPING: eventSource.eventSourceMappingId,
      },
      permissions: [
        ...pause.look,
        pause.lift,
        {
          actions: ['lambda:GetEventSourceMapping', 'lambda:UpdateEventSourceMapping'],
          resources: [
            Stack.of(this).formatArn({
              service: 'lambda',
              resource: 'event-source-mapping',
              resourceName: eventSource.eventSourceMappingId,
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          ],
        },
        { actions: ['states:ListExecutions'], resources: [stateMachine.stateMachineArn] },
        {
          actions: ['states:DescribeExecution', 'states:RedriveExecution'],
          resources: [executionArn(stateMachine, ':*')],
          wildcard: 'All executions of this state machine, and of no other: which ones fail is not known.',
        },
      ],
    });
    // What fails now is done the next time: neither Lambda runs it again, nor EventBridge asks for it again.
    keepPause.configureAsyncInvoke({ retryAttempts: 0 });
    const schedule = new Rule(this, 'Schedule', {
      description: 'Looks whether uploads are held back, and whether that is over',
      schedule: Schedule.rate(EVERY),
      targets: [new LambdaFunction(keepPause, { retryAttempts: 0 })],
    });
    const reason = 'An invocation that failed is made up for by the next, five minutes later.';
    accept(schedule, 'Serverless-EventBusDLQ', reason);
    accept(keepPause, 'Serverless-LambdaAsyncFailureDestination', reason);
  }
}
