/** How uploads are taken from their queue. */
export interface Pace {
  /** Uploads that are handed to one invocation. */
  readonly batchSize: number;
  /** Invocations at once. */
  readonly maxConcurrency: number;
  /** How long an invocation takes at least for each of its uploads. */
  readonly msPerUpload: number;
}

/** Uploads of a batch, at most: a StartExecution each, side by side. */
const LARGEST_BATCH = 10;
const DEFAULT_CONCURRENCY = 5;
/** The fewest that an event source mapping of a queue can be bound to. */
const LEAST_CONCURRENCY = 2;
/** Uploads that one invocation after the other surely starts in a minute: a batch of 10 in 200 ms. */
const PER_MINUTE_AND_INVOCATION = 3_000;

/** How many uploads are started: either limit will do. */
export interface PaceLimits {
  /** Invocations at once, of 10 uploads each. @default 5 */
  readonly maxConcurrency?: number | undefined;
  /** Uploads that are started in a minute, at most. @default - no limit */
  readonly uploadsPerMinute?: number | undefined;
}

/** The pace that keeps to these limits. */
export function paceOf({ maxConcurrency = DEFAULT_CONCURRENCY, uploadsPerMinute }: PaceLimits): Pace {
  if (uploadsPerMinute === undefined) return { batchSize: LARGEST_BATCH, maxConcurrency, msPerUpload: 0 };
  const concurrency = Math.max(LEAST_CONCURRENCY, Math.ceil(uploadsPerMinute / PER_MINUTE_AND_INVOCATION));
  // At most what a second allows is started at once.
  const batchSize = Math.min(LARGEST_BATCH, Math.max(1, Math.floor(uploadsPerMinute / 60 / concurrency)));
  return { batchSize, maxConcurrency: concurrency, msPerUpload: Math.ceil((concurrency * 60_000) / uploadsPerMinute) };
}
