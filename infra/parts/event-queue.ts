import { Duration } from 'aws-cdk-lib';
import { type EventPattern, Rule, type RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { accept } from './nag.ts';

/**
 * How long messages are kept, SQS's longest. SQS counts from when a message was first sent: in the dead-letter queue, too,
 * where a message that would have waited as long in its own queue has a day left to be looked into.
 */
const DEAD_LETTER_RETENTION = Duration.days(14);
const RETENTION = Duration.days(13);

export interface EventQueueProps {
  readonly description: string;
  /** Which events of the default bus are queued. */
  readonly eventPattern: EventPattern;
  /** What of an event is queued. @default - all of it */
  readonly message?: RuleTargetInput;
  /** The longest the function that takes from the queue may run. */
  readonly functionTimeout: Duration;
}

/** How a function takes events from a queue. */
export interface DeliveryLimits {
  readonly batchSize: number;
  readonly maxConcurrency: number;
  /** Set in the template. @default - left out: CloudFormation enables it at first, keep-pause decides from then on */
  readonly enabled?: boolean | undefined;
}

/** The way of an event to a function at a bounded pace: EventBridge rule → queue, with a dead-letter queue. */
export class EventQueue extends Construct {
  readonly queue: Queue;
  /** Events that could not be brought to the queue, or that the function kept failing on. */
  readonly deadLetterQueue: Queue;

  constructor(scope: Construct, id: string, props: EventQueueProps) {
    super(scope, id);
    // SSE-SQS: EventBridge may not use the AWS managed key alias/aws/sqs.
    const common = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true };
    this.deadLetterQueue = new Queue(this, 'DeadLetterQueue', { ...common, retentionPeriod: DEAD_LETTER_RETENTION });
    accept(this.deadLetterQueue, 'Serverless-SQSRedrivePolicy', 'This is a dead-letter queue itself.');
    this.queue = new Queue(this, 'Queue', {
      ...common,
      retentionPeriod: RETENTION,
      // Six times the function's timeout, as Lambda's documentation advises.
      visibilityTimeout: Duration.seconds(6 * props.functionTimeout.toSeconds()),
      // With the visibility timeout: an outage of an hour or more loses no event.
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: 20 },
    });
    const { description, eventPattern, message } = props;
    const target = new SqsQueue(this.queue, { deadLetterQueue: this.deadLetterQueue, ...(message && { message }) });
    new Rule(this, 'Rule', { description, eventPattern, targets: [target] });
  }

  /** Lets a function take events from the queue; of a batch, it says which ones failed. */
  deliverTo(consumer: IFunction, limits: DeliveryLimits): SqsEventSource {
    const { batchSize, maxConcurrency, enabled } = limits;
    const source = new SqsEventSource(this.queue, {
      ...{ batchSize, maxConcurrency, reportBatchItemFailures: true },
      ...(enabled !== undefined && { enabled }),
    });
    consumer.addEventSource(source);
    accept(
      consumer,
      'Serverless-LambdaEventSourceMappingDestination',
      'What fails stays in the queue, and goes to its dead-letter queue in the end.',
    );
    return source;
  }
}
