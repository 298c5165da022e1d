import type { BucketOptions } from './s3.ts';
import type { Template } from './template.ts';

/** The buckets that a template makes, by name. */
export function bucketsOf(template: Template): Record<string, BucketOptions> {
  // CDK's `eventBridgeEnabled` is a custom resource.
  const announcing = new Set(
    template
      .resources('Custom::S3BucketNotifications')
      .filter(({ properties }) => properties.NotificationConfiguration?.EventBridgeConfiguration)
      .map(({ properties }) => properties.BucketName),
  );
  const buckets = template.resources('AWS::S3::Bucket').map(({ logicalId, properties }) => {
    const name = template.ref(logicalId);
    const { EventBridgeEnabled } = properties.NotificationConfiguration?.EventBridgeConfiguration ?? {};
    const versioned = properties.VersioningConfiguration?.Status === 'Enabled';
    return [name, { versioned, eventBridge: EventBridgeEnabled === true || announcing.has(name) }] as const;
  });
  return Object.fromEntries(buckets);
}
