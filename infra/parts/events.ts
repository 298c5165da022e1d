import { FeatureFlags } from 'aws-cdk-lib';
import { CfnBucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import { S3_KEEP_NOTIFICATION_IN_IMPORTED_BUCKET } from 'aws-cdk-lib/cx-api';
import { ImageBucket, sendEventsByProperty } from './bucket.ts';

/** Lets a bucket of this app send its events to EventBridge, and keeps all other notifications that it has. */
export function sendEvents(bucket: IBucket): void {
  if (bucket instanceof ImageBucket && bucket.sendsEvents) return;
  const resource = bucket.node.defaultChild;
  // What the CDK's custom resource writes would take the place of the property.
  if (CfnBucket.isCfnBucket(resource) && hasNotifications(resource)) sendEventsByProperty(resource);
  else bucket.enableEventBridgeNotification();
  bucket.node.addValidation({ validate: () => problems(bucket) });
}

function problems(bucket: IBucket): string[] {
  const resource = bucket.node.defaultChild;
  const isByProperty = CfnBucket.isCfnBucket(resource) && hasNotifications(resource);
  const isByCustomResource = bucket.node.tryFindChild('Notifications') !== undefined;
  // With this flag, the custom resource adds to what there is.
  const isMerged = FeatureFlags.of(bucket).isEnabled(S3_KEEP_NOTIFICATION_IN_IMPORTED_BUCKET);
  if (!isByProperty || !isByCustomResource || isMerged) return [];
  return [
    `${bucket.node.path} has notifications both as the property notificationConfiguration and by addEventNotification(), ` +
      'and the latter would replace the former. Add all of them with addEventNotification(), or set the property, ' +
      'before the bucket is given as uploads, to all of them.',
  ];
}

/** Whether the property is set, or overridden. */
function hasNotifications(bucket: CfnBucket): boolean {
  const { rawOverrides } = bucket as unknown as { rawOverrides?: { Properties?: Record<string, unknown> } };
  return (bucket.notificationConfiguration ?? rawOverrides?.Properties?.NotificationConfiguration) !== undefined;
}
