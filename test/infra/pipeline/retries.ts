import type { State } from './definition.ts';

/** What Step Functions makes of a Retry table. */

/** The delays, in seconds before jitter, of the retries that Step Functions makes of a state that keeps failing so. */
export function delays({ Retry = [] }: State, error: string): number[] {
  const retrier = Retry.find(({ ErrorEquals }) => ErrorEquals.some((name) => matches(name, error)));
  if (retrier === undefined) return [];
  const { IntervalSeconds = 1, MaxAttempts = 3, BackoffRate = 2, MaxDelaySeconds = Number.POSITIVE_INFINITY } = retrier;
  return Array.from({ length: MaxAttempts }, (_, n) => Math.min(IntervalSeconds * BackoffRate ** n, MaxDelaySeconds));
}

/** Whether a name in ErrorEquals stands for this error. */
function matches(name: string, error: string): boolean {
  if (name === 'States.ALL') return error !== 'States.DataLimitExceeded' && error !== 'States.Runtime';
  if (name === 'States.TaskFailed') return error !== 'States.Timeout';
  return name === error || (name === 'States.Timeout' && error === 'States.HeartbeatTimeout');
}

export function longestDelay(of: State, error: string): number {
  return delays(of, error).reduce((sum, delay) => sum + delay, 0);
}

/** Full jitter takes anything from nothing to the delay: half of it on average. */
export function meanDelay(of: State, error: string): number {
  return longestDelay(of, error) / (jitters(of, error) ? 2 : 1);
}

export function jitters({ Retry = [] }: State, error: string): boolean {
  const retrier = Retry.find(({ ErrorEquals }) => ErrorEquals.some((name) => matches(name, error)));
  return retrier?.JitterStrategy === 'FULL';
}
