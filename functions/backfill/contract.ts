import * as v from 'valibot';
import type { ExecutionInput } from '../contract.ts';
import { CutoutError } from '../errors.ts';
import { parse, STARTED_BY } from '../job.ts';
import type { Prefixes } from '../results/keys.ts';
import type { Outcomes } from './outcomes.ts';

/** Images under way at once, unless the input says otherwise: about three submissions a second. */
const DEFAULT_MAX_CONCURRENCY = 50;
/** Failed images in a hundred that a backfill puts up with, unless the input says otherwise. */
const DEFAULT_TOLERATED_FAILURE_PERCENTAGE = 10;

const WholeNumber = v.pipe(v.number(), v.integer('must be a whole number'), v.minValue(1, 'must be at least 1'));
const Input = v.strictObject({
  prefix: v.optional(v.string()),
  dryRun: v.optional(v.boolean(), false),
  retryFailed: v.optional(v.boolean(), false),
  maxImages: v.optional(WholeNumber),
  maxConcurrency: v.optional(v.pipe(WholeNumber, v.maxValue(1000, 'must be at most 1000')), DEFAULT_MAX_CONCURRENCY),
  toleratedFailurePercentage: v.optional(
    v.pipe(
      v.number(),
      v.integer('must be a whole number'),
      v.minValue(0, 'must be at least 0'),
      v.maxValue(100, 'must be at most 100'),
    ),
    DEFAULT_TOLERATED_FAILURE_PERCENTAGE,
  ),
  ...STARTED_BY,
});

/** What a backfill's execution may be started with. */
export type BackfillInput = v.InferInput<typeof Input>;

/** What a backfill is going to do, checked and with the defaults filled in. */
export interface Backfill {
  /** Only keys that begin so; always within the uploads prefix. */
  prefix: string;
  /** When the backfill began, ISO 8601. */
  startedAt: string;
  dryRun: boolean;
  /** Whether images that failed for good before are tried again. */
  retryFailed: boolean;
  /** Most images that are submitted; null for no limit. */
  maxImages: number | null;
  /** Most images that are under way at once. */
  maxConcurrency: number;
  /** The share of failed images, in whole percent, beyond which the backfill stops. */
  toleratedFailurePercentage: number;
  /** What the keys of everything begin with that the backfill writes into the results bucket. */
  reportPrefix: string;
}

/** Why an object is not submitted. */
export type SkipReason =
  /** It has a result made from the same bytes. */
  | 'hasResult'
  /** Its key is a folder marker's, or outside the prefix or the suffixes that are processed. */
  | 'notAnUpload'
  /** It failed for good before: trying again costs, or fails, the same. Unless `retryFailed`. */
  | 'failed'
  /** It has no bytes. */
  | 'empty'
  /** S3 refuses to tell of it: encrypted with a key of its owner's, say, or denied by a policy. */
  | 'unreadable'
  /** It would have to be restored from an archive first. */
  | 'archived'
  /** It was uploaded in the last hours, to a bucket without versioning: its own event may be taking care of it. */
  | 'recent'
  /** It has been deleted since it was listed. */
  | 'deleted';

/** How many objects were skipped, by reason. */
export type Skipped = Partial<Record<SkipReason, number>>;

/** An image that is to be submitted. */
export interface Candidate {
  bucket: string;
  key: string;
  versionId?: string | undefined;
  etag: string;
  /** Name of the execution that its error file names. */
  failed?: string | undefined;
}

/** A line of the list of images: how the execution of one is started. */
export interface ImageToStart {
  input: ExecutionInput;
  name: string;
  /** For when an execution of that name has ended, and has left no result. */
  nextName: string;
  /** Name of an execution that has failed with this image: redriven first, because it may have paid. */
  failed?: string | undefined;
  /** When the backfill began, ISO 8601. */
  startedAt: string;
}

/** What came of looking at a batch of objects. */
export interface Selection {
  skipped: Skipped;
  images: Candidate[];
}

/** What a backfill has found, and what doing it costs. */
export interface Plan {
  /** Objects that were looked at. */
  examined: number;
  skipped: Skipped;
  /** Images without a result. */
  found: number;
  /** Images that are to be submitted: those found, up to `maxImages`. */
  images: number;
  /** What submitting them costs at the gateway, at most. */
  priceUsd: number;
  /** Key of the list of them, in the results bucket. */
  imagesKey: string;
}

/** The state of a backfill that knows what there is to do. */
export interface Planned {
  backfill: Backfill;
  plan: Plan;
}

/** Checks the input of a backfill's execution. @throws InvalidInput naming each field that is wrong. */
export function parseBackfillInput(
  input: unknown,
  context: Prefixes & { execution: string; startedAt: string },
): Backfill {
  const { prefix = context.uploadsPrefix, maxImages = null, ...limits } = parse(Input, input, "The backfill's input");
  if (!prefix.startsWith(context.uploadsPrefix)) {
    throw new CutoutError('InvalidInput', `"prefix" does not begin with the uploads prefix ${context.uploadsPrefix}`);
  }
  const { dryRun, retryFailed, maxConcurrency, toleratedFailurePercentage } = limits;
  return {
    prefix,
    startedAt: context.startedAt,
    dryRun,
    retryFailed,
    maxImages,
    maxConcurrency,
    toleratedFailurePercentage,
    reportPrefix: `${context.resultsPrefix}backfills/${context.execution}/`,
  };
}

/** What came of a backfill: the output of its execution. Its report in the results bucket also lists the failures. */
export interface BackfillReport extends Backfill, Plan, Omit<Outcomes, 'failures'> {
  status: 'DRY_RUN' | 'COMPLETED' | 'TOO_MANY_FAILURES';
  report: { bucket: string; key: string };
  /** All of it in a sentence. */
  summary: string;
}
