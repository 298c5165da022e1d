import { Duration } from 'aws-cdk-lib';
import { Match, Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { type IQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { accept } from './nag.ts';

/** Longest that SQS keeps a message; a person has that long to look into a dead letter. */
const MAX_RETENTION = Duration.days(14);

/** A queue for what could not be processed. */
export class DeadLetterQueue extends Queue {
  constructor(scope: Construct, id: string) {
    super(scope, id, { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: MAX_RETENTION });
    accept(this, 'AwsSolutions-SQS3', 'This is a dead-letter queue itself.');
    accept(this, 'Serverless-SQSRedrivePolicy', 'This is a dead-letter queue itself.');
  }
}

export interface IntakeProps {
  readonly uploads: IBucket;
  readonly uploadsPrefix: string;
  /** The longest the function that takes from the queue may run. */
  readonly functionTimeout: Duration;
}

/** The way of an upload's event to the trigger function: bucket → EventBridge rule → queue, with a dead-letter queue. */
export class Intake extends Construct {
  readonly queue: Queue;
  /** Events that could not be brought to the queue, or whose execution could not be started. */
  readonly deadLetterQueue: IQueue;

  constructor(scope: Construct, id: string, props: IntakeProps) {
    super(scope, id);
    this.deadLetterQueue = new DeadLetterQueue(this, 'DeadLetterQueue');
    // SSE-SQS: EventBridge may not use the AWS managed key alias/aws/sqs.
    this.queue = new Queue(this, 'Queue', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: MAX_RETENTION,
      // Six times the function's timeout, as Lambda's documentation advises.
      visibilityTimeout: Duration.seconds(6 * props.functionTimeout.toSeconds()),
      // With the visibility timeout: an hour in which executions cannot be started loses no upload.
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: 20 },
    });
    const { uploads, uploadsPrefix } = props;
    new Rule(this, 'Rule', {
      description: `Uploads to ${uploads.node.id} that want their background removed`,
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: {
          bucket: { name: [uploads.bucketName] },
          ...(uploadsPrefix !== '' && { object: { key: Match.prefix(uploadsPrefix) } }),
        },
      },
      targets: [new SqsQueue(this.queue, { deadLetterQueue: this.deadLetterQueue })],
    });
  }

  /** Lets `trigger` take the events from the queue, `maxConcurrency` batches at once. */
  deliverTo(trigger: IFunction, maxConcurrency: number): void {
    trigger.addEventSource(
      new SqsEventSource(this.queue, { batchSize: 10, maxConcurrency, reportBatchItemFailures: true }),
    );
    accept(
      trigger,
      'Serverless-LambdaEventSourceMappingDestination',
      'What fails stays in the queue, and goes to its dead-letter queue in the end.',
    );
  }
}
