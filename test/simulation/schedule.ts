import type { Faults } from '../../local/simulation/faults.ts';
import type { Callback, GatewayPlan } from '../../local/simulation/gateway-plan.ts';
import type { Pace } from '../../local/simulation/world.ts';

/** What somebody does, so many seconds after the start. */
export type Step =
  | { at: number; upload: string; content: Content }
  | { at: number; remove: string }
  /** The same bytes once more, as a change of metadata in place makes them: a new version of the same ETag. */
  | { at: number; rewrite: string }
  /** A version is deleted for good: the nth from the newest, which is 0. In a bucket with versions only. */
  | { at: number; purge: string; nth: number }
  /** Another deployment: functions change at once, executions keep their definition. */
  | { at: number; settings: 'webhook' | 'polling' | 'patient' }
  /** All executions that have failed by then are redriven. */
  | { at: number; redrive: 'failed' }
  /** The gateway and the secret get a new key. */
  | { at: number; rotate: 'key' };
export type Content = 'cat' | 'dog' | 'text' | 'nothing';

/** How long calls take: 10 ms, 1 s, or mostly 10 ms but sometimes up to 15 s. */
export const PACES = {
  brisk: { callMs: (random) => exponential(random, 10) },
  slow: { callMs: (random) => exponential(random, 1000) },
  uneven: { callMs: (random) => (random > 0.9 ? (random - 0.9) * 150_000 : exponential(random, 10)) },
} satisfies Record<string, Pace>;

/** All that happens to a deployment, in an order that a person can follow. Where a list ends, all goes well. */
export interface Schedule extends Faults, Omit<GatewayPlan, 'callbacks' | 'rate'> {
  versioned: boolean;
  pace: keyof typeof PACES;
  /** Decides latencies and the jitter of retries. */
  luck: number;
  steps: Step[];
  /** In webhook mode: the callbacks of each job in turn; where the list ends, one on time. @default - polling mode */
  webhook?: Callback[][] | undefined;
}

function exponential(random: number, mean: number): number {
  return -Math.log(1 - random) * mean + 1;
}
