/**
 * What Check status can have the state machine wait before it asks again, in seconds. Each is a `Retry` entry: ASL takes
 * no wait from an error, but chooses one by its name. The gateway's documentation asks for 5 to 10 s; the long ones are
 * for a gateway that asks for them in `Retry-After`.
 */
export const WAITS_SECONDS = [5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600] as const;
export type WaitSeconds = (typeof WAITS_SECONDS)[number];

const [MIN_WAIT_SECONDS] = WAITS_SECONDS;
/**
 * What a job of 12 minutes or more waits: 10,000 of them make 333 requests/s at the gateway, and as many state
 * transitions. The young ones make 2,000, which is within Step Functions' quota of large regions; past it, they wait.
 */
const MAX_WAIT_SECONDS = 30;
/** The wait is at most this share of the job's age: a removal of up to four minutes is found within 5 s of its end. */
const SHARE_OF_AGE = 1 / 24;

/**
 * How long to wait before the next look: longer the older the job, at least as long as the gateway asked for (up to an
 * hour), and at most 5 s past the job's time limit, so that it ends on time.
 */
export function waitSeconds(job: {
  ageSeconds: number;
  remainingSeconds: number;
  retryAfterSeconds?: number | undefined;
}): WaitSeconds {
  const byAge = longestUpTo(Math.min(MAX_WAIT_SECONDS, job.ageSeconds * SHARE_OF_AGE));
  const asked = WAITS_SECONDS.find((wait) => wait >= (job.retryAfterSeconds ?? 0)) ?? WAITS_SECONDS.at(-1) ?? byAge;
  return longestUpTo(Math.min(Math.max(byAge, asked), job.remainingSeconds + MIN_WAIT_SECONDS));
}

function longestUpTo(seconds: number): WaitSeconds {
  return WAITS_SECONDS.findLast((wait) => wait <= seconds) ?? MIN_WAIT_SECONDS;
}
