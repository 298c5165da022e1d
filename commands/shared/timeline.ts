import type { DescribeExecutionOutput, HistoryEvent } from '@aws-sdk/client-sfn';
import { whatFailed } from '../../functions/results/failure.ts';
import { AWAIT_CALLBACK, isOvertaken, type TaskFailure, taskFailure, type Visit } from './history.ts';

/** Prints what happens in an execution, a line a state. */
export class Timeline {
  readonly #execution: DescribeExecutionOutput;
  readonly #start: number;
  #state = '';
  /** A failure that nothing has followed yet. */
  #pending: TaskFailure | undefined;
  readonly #explained = new Set<string>();

  /** @param start What times are counted from, in milliseconds since the epoch. */
  constructor(execution: DescribeExecutionOutput, start: number) {
    this.#execution = execution;
    this.#start = start;
  }

  /** What one look at the history brought. */
  print(events: HistoryEvent[]): void {
    // A failed attempt that nothing follows is waiting for its retry, which may take long.
    if (events.length === 0) this.#explain();
    for (const event of events) this.#print(event);
  }

  #print(event: HistoryEvent): void {
    const at = event.timestamp?.getTime() ?? 0;
    const { stateEnteredEventDetails: entered } = event;
    const failure = taskFailure(event);
    const ended = /^Execution(.+)$/.exec(event.type ?? '')?.[1];
    if (entered) {
      this.#state = entered.name ?? '';
      printLine(at - this.#start, `→ ${this.#state}`);
    } else if (failure) {
      printLine(at - this.#start, `  ${this.#mark(failure)}`);
    } else if (ended) {
      const { error } = event.executionFailedEventDetails ?? {};
      const isSaid = error === undefined || error === this.#pending?.error;
      printLine(at - this.#start, `${ended.toLowerCase()}${isSaid ? '' : `: ${error}`}`);
    }
    this.#pending = failure;
  }

  #mark(failure: TaskFailure): string {
    if (this.#state === AWAIT_CALLBACK && isOvertaken(failure)) return '· the callback had come before';
    if (this.#state === AWAIT_CALLBACK && failure.error === 'States.Timeout') return '✗ no callback in time';
    return `✗ ${failure.error}`;
  }

  #explain(): void {
    const { error, cause } = this.#pending ?? {};
    if (error === undefined || this.#explained.has(error)) return;
    this.#explained.add(error);
    console.log(`             ${whatFailed({ ...this.#execution, error, cause }, this.#state).cause}`);
    console.log('             It is tried again by itself; Ctrl-C ends the watching, not the execution.');
  }
}

/** A line of a timeline. */
export function printLine(ms: number, text: string): void {
  console.log(`${seconds(ms).padStart(9)}  ${text}`);
}

/** How long the parts took, in one line; stays in the same state are added up. */
export function parts(untilStartMs: number, visits: Visit[]): string {
  const sums = new Map([['until its start', untilStartMs]]);
  for (const { state, ms } of visits) sums.set(state, (sums.get(state) ?? 0) + ms);
  return [...sums].map(([state, ms]) => `${state} ${seconds(ms)}`).join(', ');
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
