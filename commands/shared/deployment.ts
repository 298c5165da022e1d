import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { type Buckets, firstSubmission } from '../../functions/input.ts';
import type { Job } from '../../functions/job.ts';
import { type StackOutputs, stackOutputs } from './stack.ts';

/** What a command needs of a deployed stack. */
export interface Deployment {
  sfn: SFNClient;
  s3: S3Client;
  stateMachineArn: string;
  resultsBucket: string;
  buckets: Buckets;
  outputs: StackOutputs;
}

/** Finds a deployment by the outputs of its stack; region and credentials come from the environment as for the AWS CLI. */
export async function findDeployment(stackName: string): Promise<Deployment> {
  const outputs = await stackOutputs(stackName);
  const [uploadsBucket, uploadsPrefix] = location(outputs.required('UploadsLocation'));
  const [resultsBucket, resultsPrefix] = location(outputs.required('ResultsLocation'));
  const isEndpointGiven = (process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL) !== undefined;
  return {
    // Many small requests: wait out throttling instead of giving up.
    sfn: new SFNClient({ retryMode: 'adaptive', maxAttempts: 10 }),
    // Whoever names an endpoint seldom has a host name for each bucket there.
    s3: new S3Client({ forcePathStyle: isEndpointGiven }),
    stateMachineArn: outputs.required('StateMachineArn'),
    resultsBucket,
    buckets: { uploadsBucket, uploadsPrefix, resultsBucket, resultsPrefix },
    outputs,
  };
}

/** Bucket and prefix of `s3://bucket/prefix`. */
function location(url: string): [bucket: string, prefix: string] {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/(.*)$/.exec(url) ?? [];
  return [bucket, prefix];
}

/** The image of an execution that had submitted nothing yet; undefined if its input names none. */
export function imageOfInput(input: unknown, buckets: Buckets): Pick<Job, 'source' | 'givenKey'> | undefined {
  try {
    return firstSubmission(input, buckets);
  } catch {
    return undefined;
  }
}

/** The options that all commands about failures share. */
export const COMMON_OPTIONS = {
  stack: { type: 'string', default: 'Cutout' },
  since: { type: 'string', default: '24h' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** The option that names the stack in a printed command; nothing for the default one. */
export function stackOption(stackName: string): string {
  return stackName === COMMON_OPTIONS.stack.default ? '' : ` --stack ${stackName}`;
}

/** A time, given as ISO 8601 or as so many minutes, hours or days ago (`90m`, `12h`, `3d`). */
export function parseSince(text: string, now = Date.now()): Date {
  const [, amount, unit = ''] = /^(\d+)([mhd])$/.exec(text) ?? [];
  const minutes: Record<string, number> = { m: 1, h: 60, d: 24 * 60 };
  const date = amount ? new Date(now - Number(amount) * (minutes[unit] ?? 0) * 60_000) : new Date(text);
  if (Number.isNaN(date.getTime())) {
    throw new Error(`--since must be a time such as 2026-11-22T08:00Z, or 90m, 12h or 3d ago, not "${text}"`);
  }
  return date;
}
