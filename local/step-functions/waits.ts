import type { Definition } from './definition.ts';

/** What an execution waits for: the time of a Wait state, the next attempt of a task, or a callback. */
export type WaitKind = 'time' | 'attempt' | 'callback';

/** A wait that has begun. */
export interface ExecutionWait {
  /** The name of its state. */
  state: string;
  kind: WaitKind;
  /** When it began, in milliseconds since 1970. */
  at: number;
  /** How long it lasts on this machine, at most, in milliseconds. */
  ms: number;
  /** How long it would last by the definition, in milliseconds. */
  askedMs: number;
  /** Id of the history's last event before it. */
  eventId: number;
}

/** How long waits last on this machine. */
export interface Pace {
  /** In place of every Wait state's time, in milliseconds. @default - the definition's */
  waitMs?: number | undefined;
  /** In place of every retrier's delay, in milliseconds. @default - the definition's */
  retryMs?: number | undefined;
  /** In place of the time a callback is waited for, in milliseconds. @default - the definition's */
  callbackTimeoutMs?: number | undefined;
  /** What becomes of a time that none of these replaces, in milliseconds. @default - it stays as it is */
  shorten?: ((ms: number) => number) | undefined;
}

/** How long a wait lasts on this machine, in milliseconds. */
export function paced(kind: WaitKind, askedMs: number, pace: Pace): number {
  const fixed = { time: pace.waitMs, attempt: pace.retryMs, callback: pace.callbackTimeoutMs };
  return fixed[kind] ?? pace.shorten?.(askedMs) ?? askedMs;
}

interface Retrier {
  ErrorEquals: string[];
  IntervalSeconds?: number;
  BackoffRate?: number;
  MaxAttempts?: number;
  MaxDelaySeconds?: number;
  JitterStrategy?: string;
}

/** The retriers of a state: tells how long the next attempt is away, which the interpreter would keep to itself. */
export class Retriers {
  readonly #retriers: Retrier[];
  readonly #pace: Pace;
  /** How often each has been used since the state was entered. */
  #used: number[] = [];
  /** What the interpreter waits for, in milliseconds, by retrier; where negative, the definition's own. */
  readonly delays: number[];

  constructor(state: Definition['States'][string], pace: Pace) {
    this.#retriers = 'Retry' in state ? ((state.Retry ?? []) as Retrier[]) : [];
    this.#pace = pace;
    this.delays = this.#retriers.map(() => pace.retryMs ?? -1);
  }

  succeeded(): void {
    this.#used = [];
  }

  /** @returns undefined if there is no further attempt */
  failed(error: Error): { ms: number; askedMs: number } | undefined {
    const index = isFinal(error) ? -1 : this.#retriers.findIndex(({ ErrorEquals }) => names(ErrorEquals, error.name));
    const retrier = this.#retriers[index];
    const used = this.#used[index] ?? 0;
    if (retrier === undefined || used >= (retrier.MaxAttempts ?? 3)) {
      this.#used = [];
      return undefined;
    }
    this.#used[index] = used + 1;
    const askedMs = delayOf(retrier, used);
    const ms = paced('attempt', askedMs, this.#pace);
    this.delays[index] = ms;
    return { ms, askedMs };
  }
}

function isFinal(error: Error): boolean {
  return 'isRetryable' in error && error.isRetryable === false;
}

function names(errors: string[], name: string): boolean {
  return errors.some((each) => each === name || each === 'States.ALL' || each === 'States.TaskFailed');
}

function delayOf(
  { IntervalSeconds = 1, BackoffRate = 2, MaxDelaySeconds = Number.POSITIVE_INFINITY, JitterStrategy }: Retrier,
  used: number,
): number {
  const seconds = Math.min(IntervalSeconds * BackoffRate ** used, MaxDelaySeconds);
  return Math.round(seconds * 1000 * (JitterStrategy === 'FULL' ? Math.random() : 1));
}
