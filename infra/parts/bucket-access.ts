import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Permission } from './function.ts';
import { keyArnOf } from './keys.ts';

/** The two buckets of a deployment. */
export interface Buckets {
  readonly uploads: BucketAccess;
  readonly results: BucketAccess;
}

/** What all rooms of a deployment share. */
export interface Deployment extends Buckets {
  /** Its name, in metrics and log lines. */
  readonly deployment: string;
}

/** The environment of functions that need to know which objects are uploads, and where and how results are written. */
export function bucketVariables({ uploads, results }: Buckets): Record<string, string> {
  const kmsKey = results.keyArn;
  return {
    UPLOADS_BUCKET: uploads.bucket.bucketName,
    UPLOADS_PREFIX: uploads.prefix,
    RESULTS_BUCKET: results.bucket.bucketName,
    RESULTS_PREFIX: results.prefix,
    // Whoever writes into the results bucket names its key: bucket policies may insist on it.
    ...(kmsKey !== undefined && { RESULTS_KMS_KEY: kmsKey }),
  };
}

/** Permissions for the objects of a bucket under a prefix, and for no others. */
export class BucketAccess {
  readonly bucket: IBucket;
  readonly prefix: string;
  /** ARN of its KMS key, if it has one. */
  readonly keyArn: string | undefined;

  /** @throws SettingError if its key is an alias that leads to no known key */
  constructor(bucket: IBucket, prefix: string) {
    this.bucket = bucket;
    this.prefix = prefix;
    this.keyArn = keyArnOf(bucket);
  }

  /** Actions on objects, or only on those that match `keys`, a pattern under the prefix. */
  objects(actions: string[], keys = '*'): Permission {
    return {
      actions,
      resources: [this.bucket.arnForObjects(`${forPolicy(this.prefix)}${keys}`)],
      wildcard: 'Which objects there will be is not known; those outside the prefix are not included.',
    };
  }

  /** To list objects, and to tell one that does not exist (404) from one that is forbidden: S3 says 403 to both otherwise. */
  list(): Permission {
    return { actions: ['s3:ListBucket'], resources: [this.bucket.bucketArn] };
  }

  /** To see whether the bucket keeps versions. */
  versioning(): Permission {
    return { actions: ['s3:GetBucketVersioning'], resources: [this.bucket.bucketArn] };
  }

  /** To read objects that are encrypted with the bucket's KMS key, if it has one. */
  decrypt(): Permission[] {
    return this.#key('kms:Decrypt');
  }

  /** To write objects in one piece. */
  encrypt(): Permission[] {
    return this.#key('kms:GenerateDataKey');
  }

  /** To write objects in several parts, which S3 reads again to put them together. */
  encryptParts(): Permission[] {
    return this.#key('kms:GenerateDataKey', 'kms:Decrypt');
  }

  /** What Step Functions asks for, to write the results of a Map Run. */
  encryptMapResults(): Permission[] {
    return this.#key('kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey');
  }

  #key(...actions: string[]): Permission[] {
    return this.keyArn === undefined ? [] : [{ actions, resources: [this.keyArn] }];
  }
}

/** IAM takes no character beyond U+00FF in a policy, so a wildcard stands for each run of them. */
function forPolicy(prefix: string): string {
  return prefix.replace(/[\u{100}-\u{10ffff}]+/gu, '*');
}
