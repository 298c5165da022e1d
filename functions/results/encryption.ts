import type { PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3';

/** The operations that say how an object is to be encrypted; parts are encrypted as the beginning of their upload says. */
const WRITES = ['PutObjectCommand', 'CreateMultipartUploadCommand'];

/**
 * Has the client name the KMS key of the results bucket with all that it writes. The bucket's default would encrypt
 * everything with it anyway, but comes too late for a bucket policy that denies writes which do not name it.
 *
 * @param key Its ARN. Undefined if the bucket has none or it is not known: then nothing is said of encryption.
 */
export function withKmsKey(s3: S3Client, key: string | undefined): S3Client {
  if (key === undefined) return s3;
  const encryption: Partial<PutObjectCommandInput> = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: key };
  s3.middlewareStack.add(
    (next, { commandName = '' }) =>
      (args) =>
        next(WRITES.includes(commandName) ? { ...args, input: Object.assign({}, args.input, encryption) } : args),
    { name: 'kmsKey', step: 'initialize' },
  );
  return s3;
}
