import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  type EventType,
  type IBucketNotificationDestination,
  type NotificationKeyFilter,
} from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { accept } from './nag.ts';

export interface ImageBucketProps {
  /** Whether the bucket tells EventBridge of new objects. @default false */
  readonly events?: boolean;
  /** @default RemovalPolicy.RETAIN; DESTROY also deletes the objects */
  readonly removalPolicy?: RemovalPolicy | undefined;
}

/** Adds EventBridge to the notifications that a bucket has as a property, or is given later. */
export function sendEventsByProperty(bucket: CfnBucket): void {
  bucket.addPropertyOverride('NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled', true);
}

/**
 * A bucket for images: private, encrypted, versioned, so that an overwritten object can still be told from, and not be
 * mistaken for, the one that is being processed.
 */
export class ImageBucket extends Bucket {
  /** Whether it tells EventBridge of new objects. */
  readonly sendsEvents: boolean;

  constructor(scope: Construct, id: string, props: ImageBucketProps = {}) {
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    super(scope, id, {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      versioned: true,
      lifecycleRules: [
        {
          abortIncompleteMultipartUploadAfter: Duration.days(1),
          noncurrentVersionExpiration: Duration.days(30),
          expiredObjectDeleteMarker: true,
        },
      ],
      removalPolicy,
      autoDeleteObjects: removalPolicy === RemovalPolicy.DESTROY,
    });
    this.sendsEvents = props.events ?? false;
    // The property itself: `eventBridgeEnabled` would bring a custom resource with a function of its own.
    if (this.sendsEvents) sendEventsByProperty(this.node.defaultChild as CfnBucket);
    accept(
      this,
      'AwsSolutions-S1',
      'Whether and where to log access is the account’s choice; CloudTrail data events do it too.',
    );
  }

  /** Adds a notification beside the events for EventBridge: by itself, the CDK's custom resource would turn them off. */
  override addEventNotification(
    event: EventType,
    destination: IBucketNotificationDestination,
    ...filters: NotificationKeyFilter[]
  ): void {
    if (this.sendsEvents) this.enableEventBridgeNotification();
    super.addEventNotification(event, destination, ...filters);
  }
}
