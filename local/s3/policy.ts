import { S3Error } from './errors.ts';
import type { Request } from './request.ts';

/** A bucket policy that denies writes which do not name a KMS key. */
export interface KmsPolicy {
  /** ARN of the key, which writes must name together with the algorithm `aws:kms`. */
  key: string;
  /** Keys of objects that may be written without. @default - none */
  except?: RegExp;
}

/**
 * The operations whose requests say how an object is to be encrypted, and which such a policy decides on. Parts of a
 * multipart upload say nothing: they are encrypted as its beginning said.
 */
const WRITES = ['PutObject', 'CopyObject', 'CreateMultipartUpload'];

/** Refuses a request that the policy denies. */
export function checkPolicy({ operation, key, headers }: Request, policy: KmsPolicy | undefined): void {
  if (!WRITES.includes(operation)) return;
  const named = headers['x-amz-server-side-encryption-aws-kms-key-id'];
  checkWriteOf(key, headers['x-amz-server-side-encryption'] === 'aws:kms' ? named : undefined, policy);
}

/** Refuses to write an object with the KMS key that was named, if any. */
export function checkWriteOf(objectKey: string, named: string | undefined, policy: KmsPolicy | undefined): void {
  if (policy === undefined || named === policy.key || policy.except?.test(objectKey)) return;
  const message = 'User is not authorized to perform: s3:PutObject with an explicit deny in a resource-based policy';
  throw new S3Error(403, 'AccessDenied', message);
}
