import type { ObjectSource } from './contract.ts';
import { CutoutError } from './errors.ts';
import { type Job, parseExecutionInput } from './job.ts';
import { foreignResultKey, type Prefixes, resultKey } from './results/keys.ts';
import { env } from './runtime/env.ts';
import { redact } from './runtime/redact.ts';

/** What of the stack's settings decides which inputs are possible and where their results go. */
export interface Buckets extends Prefixes {
  uploadsBucket: string;
  resultsBucket: string;
}

/** The buckets and prefixes that the stack gave this function. */
export function bucketsFromEnv(): Buckets {
  return {
    uploadsBucket: env('UPLOADS_BUCKET'),
    uploadsPrefix: env('UPLOADS_PREFIX'),
    resultsBucket: env('RESULTS_BUCKET'),
    resultsPrefix: env('RESULTS_PREFIX'),
  };
}

/** What is to be submitted: the source, what its result's key is made from, and the submission number. */
export type Submittable = Pick<Job, 'source' | 'givenKey' | 'submission'>;

/** Whether an object is an upload by the settings in force, which may be others than when its execution began. */
export function isUpload({ bucket, key }: ObjectSource, { uploadsBucket, uploadsPrefix }: Buckets): boolean {
  return bucket === uploadsBucket && key.startsWith(uploadsPrefix);
}

/** The key of a job's result by the settings in force, without the extension that only the result's bytes can tell. */
export function resultKeyOf({ source, givenKey = '' }: Pick<Job, 'source' | 'givenKey'>, buckets: Buckets): string {
  if ('imageUrl' in source) return resultKey(buckets.uploadsPrefix + givenKey, buckets);
  return isUpload(source, buckets) ? resultKey(source.key, buckets) : foreignResultKey(source, buckets);
}

/** Endings of the keys that are uploads; none given is an empty one, which all keys have. */
export function suffixesFromEnv(): string[] {
  return env('UPLOADS_SUFFIXES').split(',');
}

/** The first submission that an execution input asks for. @throws InvalidInput */
export function firstSubmission(executionInput: unknown, buckets: Buckets): Submittable {
  const input = parseExecutionInput(executionInput);
  if ('imageUrl' in input) {
    return { source: { imageUrl: input.imageUrl }, givenKey: input.resultKey, submission: 1 };
  }
  const { bucket, key, versionId, etag } = input;
  // Results of other buckets or prefixes could take the place of an upload's result.
  if (bucket !== buckets.uploadsBucket) {
    throw new CutoutError(
      'InvalidInput',
      `"bucket" is ${redact(bucket)}, but only ${buckets.uploadsBucket} is read; for others pass a presigned URL as "imageUrl"`,
    );
  }
  if (!key.startsWith(buckets.uploadsPrefix)) {
    throw new CutoutError('InvalidInput', `"key" does not begin with the uploads prefix ${buckets.uploadsPrefix}`);
  }
  if (isResult(input, buckets)) {
    throw new CutoutError(
      'InvalidInput',
      '"key" is among the results, which are in the uploads bucket, and each result would be paid for as an upload; ' +
        `choose another bucket, or prefixes of which neither begins with the other: uploadsPrefix is "${buckets.uploadsPrefix}", ` +
        `resultsPrefix "${buckets.resultsPrefix}"`,
    );
  }
  return { source: { bucket, key, versionId, etag }, submission: 1 };
}

/** Whether an object is where results are written. Seldom, because what is known at synth has been checked there. */
export function isResult({ bucket, key }: { bucket: string; key: string }, buckets: Buckets): boolean {
  return bucket === buckets.resultsBucket && key.startsWith(buckets.resultsPrefix);
}
