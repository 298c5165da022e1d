import { S3Client } from '@aws-sdk/client-s3';
import * as v from 'valibot';
import type { Candidate, Selection, SkipReason } from './backfill/contract.ts';
import { rowOf } from './errors.ts';
import { bucketsFromEnv, isResult, isUpload, suffixesFromEnv } from './input.ts';
import { MAX_KEY_BYTES, parse } from './job.ts';
import { isErrorOf, type ReadErrorFile, readErrorFile } from './results/error-file.ts';
import { resultKey } from './results/keys.ts';
import { headObject, httpStatus, type ObjectState } from './results/objects.ts';
import { bytesOfCurrent, standingResult } from './results/standing.ts';
import { mapConcurrently } from './runtime/concurrency.ts';
import { env } from './runtime/env.ts';
import { handlerOf, logger } from './runtime/handler.ts';

const s3 = new S3Client({});
const buckets = bucketsFromEnv();
const { resultsBucket } = buckets;
const suffixes = suffixesFromEnv();

/** Objects of a batch that are looked at, at once. */
const PARALLEL = 16;
/**
 * Without versions, nothing but its age tells that an upload may be under way. Those this young are left alone, in
 * milliseconds: three submissions until each of them times out, and retries of over two hours between them.
 */
const YOUNG_MS = (3 * Number(env('TIMEOUT_MINUTES')) + 4 * 60) * 60_000;

/** Items are as Step Functions lists them. */
const Event = v.object({
  BatchInput: v.object({
    prefix: v.string(),
    startedAt: v.pipe(v.string(), v.isoTimestamp()),
    retryFailed: v.boolean(),
  }),
  Items: v.array(v.object({ Key: v.string() })),
});
type BatchInput = v.InferOutput<typeof Event>['BatchInput'];

/** Looks at a batch of objects, and says which are images to be submitted, and why the others are not. */
export const handler = handlerOf(async (event: unknown): Promise<Selection> => {
  const { BatchInput, Items } = parse(Event, event, 'The event');
  const looks = await mapConcurrently(Items, PARALLEL, ({ Key }) => look(Key, BatchInput));
  const selection: Selection = { skipped: {}, images: [] };
  for (const found of looks) {
    if (typeof found === 'string') selection.skipped[found] = (selection.skipped[found] ?? 0) + 1;
    else selection.images.push(found);
  }
  logger.info('selected', { skipped: selection.skipped, images: selection.images.length });
  return selection;
});

async function look(key: string, { prefix, startedAt, retryFailed }: BatchInput): Promise<Candidate | SkipReason> {
  const bucket = buckets.uploadsBucket;
  const upload = { bucket, key };
  // The prefix is from when the backfill began, and the settings may have changed since.
  const isOurs = isWanted(key, prefix) && isUpload(upload, buckets) && !isResult(upload, buckets);
  if (!isOurs) return 'notAnUpload';

  const object = await headUpload(bucket, key);
  if (object === 'unreadable') return object;
  if (object === undefined) return 'deleted';
  if (object.size === 0) return 'empty';
  const result = resultKey(key, buckets);
  const bytes = bytesOfCurrent({ bucket, key }, object);
  if (await standingResult(s3, { bucket: resultsBucket, resultKey: result }, bytes)) return 'hasResult';
  if (object.isArchived) return 'archived';
  const { versionId, etag, lastModified } = object;
  const isVersioned = versionId !== undefined && versionId !== 'null';
  if (!isVersioned && Date.parse(startedAt) - lastModified.getTime() < YOUNG_MS) return 'recent';
  const failure = await failureOf(result, object);
  if (failure !== undefined && !retryFailed && !rowOf(failure.error).redriveHelps) return 'failed';
  return { bucket, key, versionId, etag, failed: failure?.execution };
}

function isWanted(key: string, prefix: string): boolean {
  const isKey = !key.endsWith('/') && Buffer.byteLength(key) <= MAX_KEY_BYTES;
  return isKey && key.startsWith(prefix) && suffixes.some((suffix) => key.endsWith(suffix));
}

/** What S3 tells of an upload: one that it refuses must not keep all others from being looked at. */
async function headUpload(bucket: string, key: string): Promise<ObjectState | undefined | 'unreadable'> {
  try {
    return await headObject(s3, bucket, key, { checksum: true });
  } catch (error) {
    if (![400, 403].includes(httpStatus(error) ?? 0)) throw error;
    logger.warn('unreadable', { key, error: error as Error });
    return 'unreadable';
  }
}

/** The error file that is about exactly this object, if there is one. */
async function failureOf(resultKey: string, object: ObjectState): Promise<ReadErrorFile | undefined> {
  const file = await readErrorFile(s3, { bucket: resultsBucket, resultKey });
  return file !== undefined && isErrorOf(file, object) ? file : undefined;
}
