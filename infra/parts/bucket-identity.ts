import { Reference, Stack, Tokenization } from 'aws-cdk-lib';
import { CfnBucket, type IBucket } from 'aws-cdk-lib/aws-s3';

/**
 * What is the same for all constructs that stand for one bucket: its name, if that is known at synth, or the construct
 * that makes it. Of buckets whose names are known only at deployment, those are one whose names are written alike.
 */
export function identityOf(bucket: IBucket): string {
  const made = madeBucket(bucket.bucketName) ?? madeBucket(bucket.bucketArn);
  const stack = Stack.of(made ?? bucket);
  const name: unknown = stack.resolve(made ? made.bucketName : bucket.bucketName);
  if (typeof name === 'string') return name;
  return made && name === undefined ? made.node.path : `${JSON.stringify(name)} in ${stack.node.path}`;
}

/** Name of a bucket for a message: its own, or that of its construct. */
export function displayNameOf(bucket: IBucket): string {
  const identity = identityOf(bucket);
  return /^[a-z0-9.-]+$/.test(identity) ? identity : bucket.node.path;
}

/** The bucket of this app that a name or an ARN refers to. */
function madeBucket(text: string): CfnBucket | undefined {
  const token = Tokenization.reverse(text, { failConcat: false });
  const target = Reference.isReference(token) ? token.target : undefined;
  return CfnBucket.isCfnBucket(target) ? target : undefined;
}
