import { Duration } from 'aws-cdk-lib';
import type { EventPattern } from 'aws-cdk-lib/aws-events';
import type { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { Deployment } from '../parts/bucket-access.ts';
import { EventQueue } from '../parts/event-queue.ts';
import { BundledFunction } from '../parts/function.ts';
import { refuseLongPattern } from '../parts/limits.ts';
import { type PaceLimits, paceOf } from './pace.ts';
import type { PauseAccess } from './pause.ts';

/** Timeout of on-upload; the queue's visibility timeout follows from it. */
const TIMEOUT = Duration.seconds(30);

export interface IntakeProps extends Deployment, PaceLimits {
  /** Endings of the keys that are uploads. @default - all keys */
  readonly uploadsSuffixes?: readonly string[] | undefined;
  /** Where a pause stands. @default - uploads are never held back */
  readonly pause?: PauseAccess | undefined;
  /** The state machine that is started for each upload. */
  readonly stateMachine: StateMachine;
}

/** The way of an upload to its execution: EventBridge rule → queue → on-upload. */
export class Intake extends EventQueue {
  /** What takes uploads from the queue, unless it is disabled. */
  readonly eventSource: SqsEventSource;

  constructor(scope: Construct, id: string, props: IntakeProps) {
    const eventPattern = uploadsOf(props);
    refuseLongPattern(scope, 'uploadsSuffixes', scope.node.path, eventPattern);
    super(scope, id, {
      description: 'Uploads that want their background removed',
      eventPattern,
      functionTimeout: TIMEOUT,
    });
    const { deployment, stateMachine, pause, uploadsSuffixes = [] } = props;
    const pace = paceOf(props);
    const onUpload = new BundledFunction(this, 'OnUpload', {
      bundle: 'on-upload',
      deployment,
      description: 'Starts one execution for each uploaded object version',
      environment: {
        STATE_MACHINE_ARN: stateMachine.stateMachineArn,
        MS_PER_UPLOAD: String(pace.msPerUpload),
        UPLOADS_SUFFIXES: uploadsSuffixes.join(','),
        ...(pause && { ...pause.environment, UPLOADS_QUEUE_URL: this.queue.queueUrl }),
        // Throttled starts are tried again for 15 s at most, and so within the function's timeout; the SDK's default of 3
        // attempts would send many uploads of a burst back to the queue, for minutes.
        AWS_MAX_ATTEMPTS: '5',
      },
      timeout: TIMEOUT,
      permissions: [
        { actions: ['states:StartExecution'], resources: [stateMachine.stateMachineArn] },
        ...(pause ? [...pause.look, { actions: ['sqs:SendMessage'], resources: [this.queue.queueArn] }] : []),
      ],
    });
    // During a pause it is disabled, and no deployment is to enable it; without pauses, whatever may have been before ends.
    this.eventSource = this.deliverTo(onUpload, { ...pace, enabled: pause === undefined ? true : undefined });
  }
}

function uploadsOf({ uploads, uploadsSuffixes }: IntakeProps): EventPattern {
  return {
    source: ['aws.s3'],
    detailType: ['Object Created'],
    detail: { bucket: { name: [uploads.bucket.bucketName] }, ...keyPattern(uploads.prefix, uploadsSuffixes) },
  };
}

/**
 * The part of the pattern about the key. Side by side, prefix and suffix would mean either, and of the wildcards that mean
 * both, EventBridge takes few in a rule: beside a prefix, on-upload looks at the endings.
 */
function keyPattern(prefix: string, suffixes: readonly string[] = []): object {
  if (prefix !== '') return { object: { key: [{ prefix }] } };
  return suffixes.length === 0 ? {} : { object: { key: suffixes.map((suffix) => ({ suffix })) } };
}
