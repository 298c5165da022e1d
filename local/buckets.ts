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
    const eventBridge = EventBridgeEnabled === true || announcing.has(name);
    return [name, { versioned, eventBridge, ...kmsPolicyOf(template, name) }] as const;
  });
  return Object.fromEntries(buckets);
}

/** A bucket policy that denies writes which do not name a KMS key: of all policies, the only one that this S3 decides by. */
function kmsPolicyOf(template: Template, bucket: string): Pick<BucketOptions, 'kmsPolicy'> {
  const policies = template.resources('AWS::S3::BucketPolicy').filter(({ properties }) => properties.Bucket === bucket);
  for (const { Effect, Condition, NotResource } of policies.flatMap(
    ({ properties }) => properties.PolicyDocument.Statement,
  )) {
    const key = Condition?.StringNotEquals?.['s3:x-amz-server-side-encryption-aws-kms-key-id'];
    if (Effect !== 'Deny' || key === undefined) continue;
    const [, prefix] = /^arn:aws:s3:::[^/]+\/([\w/-]+)\*$/.exec(NotResource ?? '') ?? [];
    return { kmsPolicy: { key, ...(prefix !== undefined && { except: new RegExp(`^${prefix}`) }) } };
  }
  return {};
}
