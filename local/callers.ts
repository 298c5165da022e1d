import type { Template } from './template.ts';

/** A call of an AWS service, as IAM would have to decide on it. */
export interface Call {
  /** ARN of the function, state machine or rule that makes it; undefined if anybody may, without a signature. */
  caller: string | undefined;
  /** Such as `AWSStepFunctions.StartExecution` or `S3.GetObject`. */
  operation: string;
  // biome-ignore lint/suspicious/noExplicitAny: each operation has its own input
  input: any;
}

interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

/** What a function signs with: an identity of its own. */
export function credentialsOf(functionName: string): Credentials {
  return { accessKeyId: functionName, secretAccessKey: `${functionName}-secret` };
}

/** Whose signatures count on this machine, as secrets by access key: a person's, and each function's. */
export function accessKeysOf(template: Template, person: Credentials): Record<string, string> {
  const functions = template.resources('AWS::Lambda::Function');
  const all = [person, ...functions.map(({ logicalId }) => credentialsOf(template.ref(logicalId)))];
  return Object.fromEntries(all.map(({ accessKeyId, secretAccessKey }) => [accessKeyId, secretAccessKey]));
}
