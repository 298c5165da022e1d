import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Bucket, type CfnBucket, EventType, type IBucket } from 'aws-cdk-lib/aws-s3';
import { SqsDestination } from 'aws-cdk-lib/aws-s3-notifications';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { describe, expect, it } from 'vitest';
import { BackgroundRemoval } from '../../../infra/background-removal.ts';
import { flat, type Resource, resources } from '../read-template.ts';

/** The template of a stack of somebody's own. */
function synth(build: (stack: Stack) => void): Template {
  const stack = new Stack(new App(), 'Shop');
  build(stack);
  return Template.fromStack(stack);
}

/** The notifications of the only bucket that has any, as its property and by the CDK's custom resource. */
function notifications(template: Template, name: string) {
  const found = (type: string) => Object.values(resources(template, type));
  const custom = found('Custom::S3BucketNotifications').map(({ Properties }: Resource) => ({
    bucket: flat(Properties.BucketName),
    managed: Properties.Managed,
    ...Properties.NotificationConfiguration,
  }));
  const property = resources(template, 'AWS::S3::Bucket')[name]?.Properties?.NotificationConfiguration;
  return { custom, property };
}

function tellQueue(stack: Stack, bucket: IBucket, id = 'Queue'): void {
  bucket.addEventNotification(EventType.OBJECT_REMOVED, new SqsDestination(new Queue(stack, id)));
}

const ON = { EventBridgeConfiguration: { EventBridgeEnabled: true } };

describe('the events of a bucket made here', () => {
  it('are sent by a property, without a custom resource', () => {
    const template = synth((stack) => new BackgroundRemoval(stack, 'Removal'));
    expect(notifications(template, 'RemovalUploads')).toEqual({ custom: [], property: ON });
  });

  it('are still sent where somebody adds a notification, and once it is removed again', () => {
    const template = synth((stack) => tellQueue(stack, new BackgroundRemoval(stack, 'Removal').uploads));
    const { custom, property } = notifications(template, 'RemovalUploads');
    expect(property).toEqual(ON);
    expect(custom).toMatchObject([{ bucket: '<RemovalUploads>', EventBridgeConfiguration: {} }]);
    expect(custom[0]?.QueueConfigurations).toHaveLength(1);
    // Otherwise the CDK's handler would leave no notification at all when the custom resource is deleted.
    expect(custom[0]?.managed).toBe(false);
  });

  it('are still sent once another construct on the same bucket is deleted', () => {
    const template = synth((stack) => {
      const one = new BackgroundRemoval(stack, 'Removal', { uploadsPrefix: 'one/' });
      new BackgroundRemoval(stack, 'Other', { uploads: one.uploads, uploadsPrefix: 'other/' });
    });
    expect(notifications(template, 'RemovalUploads')).toEqual({ custom: [], property: ON });
  });

  it('are still sent beside notifications that somebody sets as a property', () => {
    const template = synth((stack) => {
      const { uploads } = new BackgroundRemoval(stack, 'Removal');
      const queueConfigurations = [{ event: 's3:ObjectRemoved:*', queue: new Queue(stack, 'Queue').queueArn }];
      (uploads.node.defaultChild as CfnBucket).notificationConfiguration = { queueConfigurations };
    });
    const { property } = notifications(template, 'RemovalUploads');
    expect(property).toMatchObject(ON);
    expect(property.QueueConfigurations).toHaveLength(1);
  });
});

describe('the events of a given bucket', () => {
  const build = (change: (stack: Stack, photos: Bucket, give: () => void) => void) =>
    synth((stack) => {
      const photos = new Bucket(stack, 'Photos');
      change(stack, photos, () => new BackgroundRemoval(stack, 'Removal', { uploads: photos }));
    });
  const setQueue = (stack: Stack, photos: Bucket, others = {}) => {
    const queueConfigurations = [{ event: 's3:ObjectRemoved:*', queue: new Queue(stack, 'Queue').queueArn }];
    (photos.node.defaultChild as CfnBucket).notificationConfiguration = { queueConfigurations, ...others };
  };

  it.each(['before', 'afterwards'])('are sent beside a notification that was added %s', (when) => {
    const template = build((stack, photos, give) => {
      if (when === 'before') tellQueue(stack, photos);
      give();
      if (when === 'afterwards') tellQueue(stack, photos);
    });
    const { custom, property } = notifications(template, 'Photos');
    expect(property).toBeUndefined();
    expect(custom).toMatchObject([{ bucket: '<Photos>', EventBridgeConfiguration: {} }]);
    expect(custom[0]?.QueueConfigurations).toHaveLength(1);
  });

  it('are sent beside the notifications of its property, which stay', () => {
    const template = build((stack, photos, give) => {
      setQueue(stack, photos);
      give();
    });
    const { custom, property } = notifications(template, 'Photos');
    expect(custom).toEqual([]);
    expect(property).toMatchObject(ON);
    expect(property.QueueConfigurations).toHaveLength(1);
  });

  it('are left as they are where its property sends them already', () => {
    const template = build((stack, photos, give) => {
      setQueue(stack, photos, { eventBridgeConfiguration: { eventBridgeEnabled: true } });
      give();
    });
    expect(notifications(template, 'Photos').custom).toEqual([]);
  });

  it.each<[string, (stack: Stack, photos: Bucket, give: () => void) => void]>([
    [
      'its property is set later',
      (stack, photos, give) => {
        give();
        setQueue(stack, photos);
      },
    ],
    [
      'a notification is added to those of its property later',
      (stack, photos, give) => {
        setQueue(stack, photos);
        give();
        tellQueue(stack, photos, 'Other');
      },
    ],
    [
      'a notification was added to those of its property',
      (stack, photos, give) => {
        setQueue(stack, photos);
        tellQueue(stack, photos, 'Other');
        give();
      },
    ],
  ])('are refused by name where one set of notifications would replace the other: %s', (_, change) => {
    expect(() => build(change)).toThrow(
      /Shop\/Photos has notifications both as the property notificationConfiguration and by addEventNotification/,
    );
  });
});
