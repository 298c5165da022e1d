import { type CutoutError, isError } from '../errors.ts';
import { redact } from '../runtime/redact.ts';
import type { Gateway } from './client.ts';

/** The gateway's documentation asks to poll every 5 to 10 s. */
const SHORTEST_SECONDS = 5;
/** Up to this age, in seconds, a job is polled every {@link LONGEST_SECONDS} at the latest; after it every {@link OLD_SECONDS}. */
const OLD_AGE_SECONDS = 3600;
const LONGEST_SECONDS = 30;
const OLD_SECONDS = 120;
/** A job that takes up to 2 minutes is polled every 5 s, an older one after 1/24 of its age. */
const SHARE_OF_AGE = 1 / 24;
/** Longest wait, in seconds, that a `Retry-After` of the gateway can ask for. */
const LONGEST_RETRY_AFTER_SECONDS = 3600;

/**
 * How long to wait before the next poll, in whole seconds from 1 to 3,600: longer the older the job, because a poll
 * writes nine events into the execution's history, which holds 25,000; at least as long as the gateway asked for, up to
 * an hour; and no longer than the job has left, so that it ends on time.
 */
export function waitSeconds(job: {
  ageSeconds: number;
  remainingSeconds: number;
  retryAfterSeconds?: number | undefined;
}): number {
  const longest = job.ageSeconds < OLD_AGE_SECONDS ? LONGEST_SECONDS : OLD_SECONDS;
  const byAge = Math.min(longest, Math.max(SHORTEST_SECONDS, job.ageSeconds * SHARE_OF_AGE));
  const asked = Math.min(job.retryAfterSeconds ?? 0, LONGEST_RETRY_AFTER_SECONDS);
  return Math.max(1, Math.ceil(Math.min(Math.max(byAge, asked), job.remainingSeconds)));
}

/** Where a job stands, as far as it decides what comes next. */
export interface Standing {
  /** UNKNOWN: no usable answer this time, or a status that the documentation does not list. Counts as still working. */
  status: 'QUEUED' | 'PROCESSING' | 'COMPLETED' | 'FAILED' | 'ERROR' | 'UNKNOWN';
  /** What the gateway said, or why it said nothing, in a few words for people; redacted. */
  said: string;
  /** The error that the gateway names, redacted. */
  error?: string | undefined;
  /** Where the results lie; at least one if COMPLETED. */
  mediaUrls: string[];
  /** When the job was completed, ISO 8601; undefined if the gateway does not say it, or names a time to come. */
  completedAt?: string | undefined;
  /** The gateway's `Retry-After`, in seconds. */
  retryAfterSeconds?: number | undefined;
}

const DOCUMENTED = ['QUEUED', 'PROCESSING', 'COMPLETED', 'FAILED', 'ERROR'] as const;

/**
 * Polls the status of a request once. An answer that may be better next time counts as still working.
 *
 * @param ageSeconds Time since the gateway accepted the request.
 * @throws CutoutError for a refusal that does not pass by itself
 */
export async function ask(gateway: Gateway, requestId: string, ageSeconds: number): Promise<Standing> {
  try {
    const { status: said, error, mediaUrls, completedAt } = await gateway.status(requestId);
    const status = DOCUMENTED.find((each) => each === said) ?? 'UNKNOWN';
    // It happens that the result is named a little later than the status.
    if (status === 'COMPLETED' && mediaUrls.length === 0) {
      return { status: 'PROCESSING', said: 'COMPLETED without a result', mediaUrls };
    }
    return { status, said: redact(said), error, mediaUrls, completedAt: pastTime(completedAt) };
  } catch (error) {
    if (!mayPass(error, ageSeconds)) throw error;
    // A status request changes nothing, so its own outcome does not matter.
    const said = error.name === 'OutcomeUnknown' ? 'no usable answer' : error.name;
    return { status: 'UNKNOWN', said, error: error.message, mediaUrls: [], retryAfterSeconds: error.retryAfterSeconds };
  }
}

function pastTime(text = ''): string | undefined {
  const time = Date.parse(text);
  return time <= Date.now() ? new Date(time).toISOString() : undefined;
}

/** How long the status endpoint may not know a new request, in seconds. */
const UNKNOWN_AT_FIRST_SECONDS = 120;

/** Whether to retry a failed status request. */
function mayPass(error: unknown, ageSeconds: number): error is CutoutError {
  const isNew = ageSeconds < UNKNOWN_AT_FIRST_SECONDS;
  return (
    isError(error, 'TooManyRequests', 'GatewayUnreachable', 'OutcomeUnknown') || (isNew && isError(error, 'NotFound'))
  );
}
