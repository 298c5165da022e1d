/** Wait between two looks at a job's status, in seconds. The gateway's documentation asks for 5 to 10 s. */
const MIN_WAIT_SECONDS = 5;
/**
 * What a job of three minutes or more waits: 10,000 of them make 333 requests/s at the gateway and 1,000 state
 * transitions/s. At 5 s they would make 2,000 and 6,000, past Step Functions' quota, which delays but loses nothing.
 */
const MAX_WAIT_SECONDS = 30;
/** The wait is this share of the job's age, so that what takes long is asked for less often. */
const SHARE_OF_AGE = 1 / 6;

/**
 * How long to wait before the next look, in whole seconds: longer the older the job, at least as long as the gateway
 * asked for, and never (much) past the job's time limit, so that it ends on time.
 */
export function waitSeconds(job: {
  ageSeconds: number;
  remainingSeconds: number;
  retryAfterSeconds?: number | undefined;
}): number {
  const byAge = Math.min(MAX_WAIT_SECONDS, Math.max(MIN_WAIT_SECONDS, job.ageSeconds * SHARE_OF_AGE));
  const wait = Math.max(byAge, job.retryAfterSeconds ?? 0);
  return Math.ceil(Math.min(wait, Math.max(MIN_WAIT_SECONDS, job.remainingSeconds)));
}
