import { App, Stack } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { expect, it } from 'vitest';
import { bucketsOf } from '../../local/buckets.ts';
import { Template } from '../../local/template.ts';

it('a bucket policy that insists on a KMS key is that of the local S3, with what it excepts', () => {
  const app = new App();
  const stack = new Stack(app, 'Stack');
  const bucket = new Bucket(stack, 'Insisting', { enforceSSL: true });
  const header = 's3:x-amz-server-side-encryption-aws-kms-key-id';
  bucket.addToResourcePolicy(
    new PolicyStatement({
      effect: Effect.DENY,
      principals: [new AnyPrincipal()],
      actions: ['s3:PutObject'],
      notResources: [bucket.arnForObjects('backfills/*')],
      conditions: { StringNotEquals: { [header]: 'some-key' } },
    }),
  );
  new Bucket(stack, 'Other', { versioned: true, enforceSSL: true });
  const [insisting, other] = Object.values(
    bucketsOf(new Template(app.synth().getStackByName('Stack').template, 'Stack')),
  );
  expect(insisting).toEqual({
    versioned: false,
    eventBridge: false,
    kmsPolicy: { key: 'some-key', except: /^backfills\// },
  });
  expect(other).toEqual({ versioned: true, eventBridge: false });
});
