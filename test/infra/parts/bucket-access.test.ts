import { Template } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { describe, expect, it } from 'vitest';
import { flat, grantsOf, resources } from '../read-template.ts';
import { make } from '../shop.ts';

describe('a bucket for uploads', () => {
  const NOTIFICATIONS = 'Custom::S3BucketNotifications';

  it('of this app is told to send its events, and its KMS key may be used by those who read and write', () => {
    const stack = make((scope) => {
      const bucket = (id: string) =>
        new Bucket(scope, id, {
          encryption: BucketEncryption.KMS,
          encryptionKey: new Key(scope, `${id}Key`, { alias: id.toLowerCase() }),
        });
      return { uploads: bucket('Photos'), results: bucket('Cutouts') };
    });
    const template = Template.fromStack(stack);
    const [notifications, ...others] = Object.values(resources(template, NOTIFICATIONS));
    expect(others).toEqual([]);
    expect(flat(notifications?.Properties.BucketName)).toBe('<Photos>');
    expect(notifications?.Properties.NotificationConfiguration).toEqual({ EventBridgeConfiguration: {} });

    const keysOf = (role: string) =>
      grantsOf(template, role)
        .filter(({ action }) => action.startsWith('kms:'))
        .map(({ action, resource }) => `${action} ${resource}`);
    // To read the upload, and to write a pause.
    expect(keysOf('WorkflowSubmitRole')).toEqual([
      'kms:Decrypt <PhotosKey.Arn>',
      'kms:GenerateDataKey <CutoutsKey.Arn>',
    ]);
    expect(keysOf('WorkflowDeliverRole')).toEqual([
      'kms:GenerateDataKey <CutoutsKey.Arn>',
      'kms:Decrypt <CutoutsKey.Arn>',
    ]);
    expect(keysOf('WorkflowCheckStatusRole')).toEqual([]);
  });

  it('that is imported is left alone, because its notifications would be replaced', () => {
    const stack = make((scope) => ({ uploads: Bucket.fromBucketName(scope, 'Photos', 'photos') }));
    expect(resources(Template.fromStack(stack), NOTIFICATIONS)).toEqual({});
  });
});
