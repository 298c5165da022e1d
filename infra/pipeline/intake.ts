import { Duration } from 'aws-cdk-lib';
import type { EventPattern } from 'aws-cdk-lib/aws-events';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { Deployment } from '../parts/bucket-access.ts';
import { EventQueue } from '../parts/event-queue.ts';
import { BundledFunction } from '../parts/function.ts';
import { type PaceLimits, paceOf } from './pace.ts';

/** Timeout of on-upload; the queue's visibility timeout follows from it. */
const TIMEOUT = Duration.seconds(30);

export interface IntakeProps extends Deployment, PaceLimits {
  /** Endings of the keys that are uploads. @default - all keys */
  readonly uploadsSuffixes?: readonly string[] | undefined;
  /** The state machine that is started for each upload. */
  readonly stateMachine: StateMachine;
}

/** The way of an upload to its execution: EventBridge rule → queue → on-upload. */
export class Intake extends EventQueue {
  constructor(scope: Construct, id: string, props: IntakeProps) {
    super(scope, id, {
      description: 'Uploads that want their background removed',
      eventPattern: uploadsOf(props),
      functionTimeout: TIMEOUT,
    });
    const { deployment, stateMachine } = props;
    const pace = paceOf(props);
    const onUpload = new BundledFunction(this, 'OnUpload', {
      bundle: 'on-upload',
      deployment,
      description: 'Starts one execution for each uploaded object version',
      environment: {
        STATE_MACHINE_ARN: stateMachine.stateMachineArn,
        MS_PER_UPLOAD: String(pace.msPerUpload),
        // Throttled starts are tried again for 15 s at most, and so within the function's timeout; the SDK's default of 3
        // attempts would send many uploads of a burst back to the queue, for minutes.
        AWS_MAX_ATTEMPTS: '5',
      },
      timeout: TIMEOUT,
      permissions: [{ actions: ['states:StartExecution'], resources: [stateMachine.stateMachineArn] }],
    });
    this.deliverTo(onUpload, pace);
  }
}

function uploadsOf({ uploads, uploadsSuffixes }: IntakeProps): EventPattern {
  return {
    source: ['aws.s3'],
    detailType: ['Object Created'],
    detail: { bucket: { name: [uploads.bucket.bucketName] }, ...keyPattern(uploads.prefix, uploadsSuffixes) },
  };
}

/** The part of the pattern about the key. A wildcard, because prefix and suffix side by side would mean either. */
function keyPattern(prefix: string, suffixes: readonly string[] = ['']): object {
  if (prefix === '' && suffixes.includes('')) return {};
  const key = suffixes.flatMap((suffix): (string | object)[] => {
    if (suffix === '') return [{ prefix }];
    return prefix === '' ? [{ suffix }] : [{ wildcard: `${prefix}*${suffix}` }, ...overlaps(prefix, suffix)];
  });
  return { object: { key } };
}

/** Keys of which prefix and suffix share a part, such as `a/b.jpg` of `a/` and `/b.jpg`, which no wildcard matches. */
function overlaps(prefix: string, suffix: string): string[] {
  const shared = [...suffix].map((_, index) => index + 1).filter((length) => prefix.endsWith(suffix.slice(0, length)));
  return shared.map((length) => prefix + suffix.slice(length));
}
