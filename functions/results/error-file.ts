import type { S3Client } from '@aws-sdk/client-s3';
import * as v from 'valibot';
import type { Source } from '../contract.ts';
import { CutoutError, ERROR_NAMES, type ErrorName } from '../errors.ts';
import { deleteIfUnchanged, putIfUnchanged } from './conditional-writes.ts';
import { errorKey, sha256 } from './keys.ts';
import { headObject, isSuperseded, type ObjectState, readHead } from './objects.ts';
import type { Place } from './standing.ts';

/** What stands in `<key>.error.json`. */
export interface ErrorFile {
  /** A name of the table of errors. */
  error: ErrorName;
  /** What happened, then what to do. */
  cause: string;
  /** Null if nothing was submitted, as far as is known. */
  requestId: string | null;
  /** An image URL without its query, which may be a signature. */
  source: Source;
  /** Name of the execution. */
  execution: string;
  /** When the execution ended, ISO 8601. */
  time: string;
}

/** Longest error file that is read, in bytes; those that are written have under 4 KB. */
const MAX_BYTES = 64 * 1024;
/** How often the file is written anew because another one came in between. */
const MAX_ATTEMPTS = 5;

const Schema = v.object({
  error: v.picklist(ERROR_NAMES),
  execution: v.string(),
  source: v.object({ versionId: v.optional(v.string()), etag: v.optional(v.string()) }),
});

/** What is read of an error file. */
export type ReadErrorFile = v.InferOutput<typeof Schema>;

/** Reads an error file. @returns undefined if there is none, or if what is there is not one of Cutout's. */
export async function readErrorFile(s3: S3Client, { bucket, resultKey }: Place): Promise<ReadErrorFile | undefined> {
  const object = await readHead(s3, { bucket, key: errorKey(resultKey) }, MAX_BYTES);
  if (object === undefined) return undefined;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Schema), Buffer.from(object.bytes).toString());
  return parsed.success ? parsed.output : undefined;
}

/**
 * Whether an error file is about exactly this object. One that names neither version nor ETag is about an unknown one:
 * its execution failed before it had seen which, and so before anything was paid.
 */
export function isErrorOf({ source }: ReadErrorFile, object: Pick<ObjectState, 'versionId' | 'etag'>): boolean {
  const isPinned = source.versionId !== undefined || source.etag !== undefined;
  return isPinned && !isSuperseded(source, object);
}

/** Why an error file is not (or no longer) needed. DELIVERED also does away with a file of another execution. */
export interface Settled {
  reason: string;
  isDelivered: boolean;
}

/**
 * Writes an error file, provided that it still is of interest and that nobody else's has come in between.
 *
 * @param executionArn Tells the files of one execution from those of others.
 * @param settledBy Why the failure is of no interest any more; undefined if it is.
 * @returns what was done, in words for the log
 */
export async function writeErrorFile(
  s3: S3Client,
  { bucket, resultKey }: Place,
  file: ErrorFile,
  executionArn: string,
  settledBy: () => Promise<Settled | undefined>,
): Promise<string> {
  const key = errorKey(resultKey);
  const owner = sha256(executionArn);
  const content = { body: `${JSON.stringify(file, null, 2)}\n`, contentType: 'application/json' };
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    // In this order: an error file of a newer upload that comes after the first look changes the object.
    const before = await headObject(s3, bucket, key);
    const settled = await settledBy();
    if (settled !== undefined) {
      // A file of this execution was left by an attempt that died before its second look; beside a result none stands.
      const isOwn = before?.metadata['execution-sha256'] === owner;
      if (before && (isOwn || settled.isDelivered)) await deleteIfUnchanged(s3, { bucket, key, etag: before.etag });
      return `no error file: ${settled.reason}`;
    }
    const etag = await putIfUnchanged(s3, { bucket, key, before, metadata: { 'execution-sha256': owner } }, content);
    if (etag === 'CHANGED') continue;

    // A redrive or a newer upload may have ended since the look. Whatever ends after this second one finds the file and
    // deletes it itself, so a result and an error file never stay side by side.
    const settledNow = await settledBy();
    if (settledNow === undefined) return 'error file written';
    await deleteIfUnchanged(s3, { bucket, key, etag });
    return `error file withdrawn: ${settledNow.reason}`;
  }
  throw new CutoutError('InternalError', `The error file kept changing while it was written ${MAX_ATTEMPTS} times`);
}

/**
 * Deletes the error file of an earlier failure, if there is one: deleting what is not there would leave a delete
 * marker in a bucket with versioning. A newer upload may have failed meanwhile, and its error file stays: one that was
 * there at the first look is kept because the source is then overwritten, one that came later because of its ETag.
 *
 * @param isOverwritten Whether the source has been overwritten by now.
 */
export async function deleteErrorFile(
  s3: S3Client,
  { bucket, resultKey }: Place,
  isOverwritten: () => Promise<boolean>,
): Promise<void> {
  const key = errorKey(resultKey);
  const file = await headObject(s3, bucket, key);
  if (file === undefined || (await isOverwritten())) return;
  await deleteIfUnchanged(s3, { bucket, key, etag: file.etag });
}
