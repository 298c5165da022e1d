import { describe, expect, it } from 'vitest';
import { flat, resource, resources, statementsFor } from '../read-template.ts';
import { templateOf } from '../synth.ts';

const standard = templateOf('default');

describe('the buckets', () => {
  const buckets = resources(standard, 'AWS::S3::Bucket');

  it('are one for uploads and one for results', () => {
    expect(Object.keys(buckets).sort()).toEqual(['Results', 'Uploads']);
  });

  it('tell EventBridge of uploads, and of nothing else', () => {
    expect(buckets.Uploads?.Properties.NotificationConfiguration).toEqual({
      EventBridgeConfiguration: { EventBridgeEnabled: true },
    });
    expect(buckets.Results?.Properties.NotificationConfiguration).toBeUndefined();
  });

  describe.each(['Uploads', 'Results'])('%s', (name) => {
    const bucket = resource(standard, 'AWS::S3::Bucket', name);

    it('is private, encrypted and versioned', () => {
      expect(bucket.Properties).toMatchObject({
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        VersioningConfiguration: { Status: 'Enabled' },
      });
    });

    it('is reached over TLS only, and its policy allows nobody anything', () => {
      const statements = statementsFor(standard, 'AWS::S3::BucketPolicy', name);
      expect(statements.map(({ Effect }) => Effect)).toEqual(['Deny']);
      expect(statements[0]).toMatchObject({
        Action: 's3:*',
        Principal: { AWS: '*' },
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      });
      expect(statements[0].Resource.map(flat)).toEqual([`<${name}.Arn>`, `<${name}.Arn>/*`]);
    });

    it('drops what is left of an upload in parts after a day, but never an object that is current', () => {
      const [rule, ...others] = bucket.Properties.LifecycleConfiguration.Rules;
      expect(others).toEqual([]);
      expect(rule).toMatchObject({ Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } });
      expect(Object.keys(rule).filter((key) => /^(Expiration|Transition)/.test(key))).toEqual([]);
    });

    it('stays when the stack is deleted', () => {
      expect(bucket).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    });
  });
});
