import type { Clock } from './clock.ts';

/** A quota as AWS keeps it: so many at once, and so many more each second. */
export interface Quota {
  bucket: number;
  refillPerSecond: number;
}

/** What an account may do by default, per region. */
export interface RegionQuotas {
  region: string;
  startExecution: Quota;
  stateTransitions: Quota;
  lambdaConcurrency: number;
}

/**
 * Defaults of AWS, which can be raised. New accounts may begin with less.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const LARGE_REGIONS: RegionQuotas = {
  region: 'us-east-1, us-west-2, eu-west-1',
  startExecution: { bucket: 1300, refillPerSecond: 300 },
  stateTransitions: { bucket: 5000, refillPerSecond: 5000 },
  lambdaConcurrency: 1000,
};
export const OTHER_REGIONS: RegionQuotas = {
  region: 'other regions',
  startExecution: { bucket: 800, refillPerSecond: 150 },
  stateTransitions: { bucket: 800, refillPerSecond: 800 },
  lambdaConcurrency: 1000,
};

/** The token bucket of a quota. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #quota: Quota;
  #tokens: number;
  #at: number;

  constructor(clock: Clock, quota: Quota) {
    this.#clock = clock;
    this.#quota = quota;
    this.#tokens = quota.bucket;
    this.#at = clock.now;
  }

  /** Takes a token if there is one. */
  take(): boolean {
    this.#refill();
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Takes a token that is perhaps still to come. */
  owe(): void {
    this.#refill();
    this.#tokens--;
  }

  /** Milliseconds until all that is owed has come. */
  get debtMs(): number {
    this.#refill();
    return Math.max(0, (-this.#tokens / this.#quota.refillPerSecond) * 1000);
  }

  #refill(): void {
    const { bucket, refillPerSecond } = this.#quota;
    const { now } = this.#clock;
    this.#tokens = Math.min(bucket, this.#tokens + ((now - this.#at) / 1000) * refillPerSecond);
    this.#at = now;
  }
}
