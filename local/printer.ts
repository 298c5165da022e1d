import { size } from '../commands/shared/save.ts';
import type { ExecutionOutput } from '../functions/contract.ts';
import { rowOf } from '../functions/errors.ts';
import { whatFailed } from '../functions/results/failure.ts';
import { callbackEnd, withoutRemedy } from './page/states.ts';
import { duration, isSettling } from './page/words.ts';
import type { ExecutionWait } from './step-functions/waits.ts';
import type { Execution, HistoryEvent } from './step-functions.ts';

/** Narrowest and widest column of what lines are about, in characters. */
const [NARROWEST, WIDEST] = [16, 32];
const ERROR_FILE = /\.error\.json$/;

export interface PrinterOptions {
  /** What lines are going to be about. @default - unknown: the column grows */
  names?: string[];
  /** Whether to name buckets: not where they end with the command. @default true */
  showsPlaces?: boolean;
  /** Takes a line. @default standard output, folded at the width of the terminal */
  write?: (line: string) => void;
}

/** Prints what happens, state by state, with the time since the first line. */
export class Printer {
  readonly #start = Date.now();
  readonly #showsPlaces: boolean;
  readonly #write: (line: string) => void;
  #width = NARROWEST;
  /** What the stand-in for the model says of its work, by the request's id. @default - nothing */
  noteOf: (requestId: string | undefined) => string | undefined = () => undefined;
  /** Error of the attempt that an execution's last line told of, by ARN. */
  readonly #told = new Map<string, string>();

  constructor({ names = [], showsPlaces = true, write = console.log }: PrinterOptions = {}) {
    this.#showsPlaces = showsPlaces;
    this.#write = write;
    for (const name of names) this.#column(name);
  }

  /** Seconds since the first line, as lines have them. */
  secondsAt(time: number): string {
    return `${((time - this.#start) / 1000).toFixed(2)} s`;
  }

  /** A line about something that is no execution yet. */
  note(name: string, text: string): void {
    this.#line(name, text);
  }

  /** One line for each state that is entered, each failure, and each end. Children of Map Runs are left out. */
  readonly history = (execution: Execution, event: HistoryEvent): void => {
    if (execution.mapRunArn !== undefined) return;
    const { type, stateEnteredEventDetails: entered, taskFailedEventDetails: failed } = event;
    const ended = /^Execution(.+)$/.exec(type)?.[1];
    // How long a Wait state waits is known a moment later.
    if (entered && type !== 'WaitStateEntered') this.#line(nameOf(execution), `→ ${entered.name}`);
    else if (failed) this.#failed(execution, failed);
    else if (ended === 'Succeeded') this.#succeeded(execution);
    else if (ended === 'Started' || ended === 'Redriven') this.#line(nameOf(execution), ended.toLowerCase());
    else if (ended) this.#ended(execution, ended);
  };

  /** How long an execution waits, and what for. */
  readonly wait = (execution: Execution, { state, kind, ms, askedMs }: ExecutionWait): void => {
    if (execution.mapRunArn !== undefined) return;
    const time = duration(ms) + (ms < askedMs ? ` (shortened from ${duration(askedMs)})` : '');
    const text = {
      time: `→ ${state.padEnd(12)}  ${time}${reasonOf(execution)}`,
      attempt: `  tries again in ${time}`,
      callback: `  waits for the gateway to call back, ${time} at most`,
    }[kind];
    this.#line(nameOf(execution), text);
  };

  /** An object that was stored in the results bucket: only error files are news. */
  stored(bucket: string, key: string): void {
    if (ERROR_FILE.test(key)) this.#line(key.replace(ERROR_FILE, ''), `error file s3://${bucket}/${key}`);
  }

  #failed(execution: Execution, failure: { error: string; cause: string }): void {
    this.#told.set(execution.arn, failure.error);
    const callback = callbackEnd(stateOf(execution), failure);
    let text = `✗ ${failure.error}: ${withoutRemedy(failure)}`;
    if (callback === 'OVERTAKEN') text = '  the callback had come before';
    else if (callback === 'TIMED_OUT') text = '  no callback in time: polls from now on';
    this.#line(nameOf(execution), text);
  }

  #succeeded(execution: Execution): void {
    const output: Partial<ExecutionOutput> = JSON.parse(execution.output ?? '{}');
    const { status, requestId, results = [] } = output;
    const name = nameOf(execution);
    if (status === 'SUPERSEDED') this.#line(name, '✓ superseded by a newer upload: nothing was stored');
    else if (results.length === 0) this.#line(name, '✓ succeeded');
    for (const { bucket, key, bytes, contentType } of results) {
      this.#line(name, `✓ s3://${bucket}/${key} (${size(bytes)}, ${contentType})`);
    }
    const note = this.noteOf(requestId ?? undefined);
    if (note !== undefined) this.#line(name, `  ${note}`);
  }

  #ended(execution: Execution, how: string): void {
    const { arn, stateMachineArn, startDate, status, error, cause } = execution;
    const described = { executionArn: arn, stateMachineArn, startDate: new Date(startDate), status, error, cause };
    const failure = whatFailed(described, stateOf(execution));
    const isTold = error !== undefined && this.#told.get(arn) === error;
    const { remedy } = rowOf(failure.error);
    const why = how === 'Failed' ? `${failure.error}: ${failure.cause}` : failure.cause;
    const what = how === 'TimedOut' ? 'timed out' : how.toLowerCase();
    this.#line(nameOf(execution), `✗ ${what}. ${isTold ? remedy : why}`);
  }

  #line(name: string, text: string): void {
    const head = `${this.secondsAt(Date.now()).padStart(9)}  ${this.#column(name)}  `;
    const shown = this.#showsPlaces ? text : text.replace(/s3:\/\/[a-z0-9.-]+\//g, '');
    this.#write(head + folded(shown, head.length));
  }

  /** The name, as wide as the column, which is as wide as the longest name so far; of a longer one, the end. */
  #column(name: string): string {
    this.#width = Math.min(WIDEST, Math.max(this.#width, name.length));
    const shown = name.length > this.#width ? `…${name.slice(1 - this.#width)}` : name;
    return shown.padEnd(this.#width);
  }
}

/** What an execution is about: the key of its image or result; or else the beginning of its own name. */
function nameOf({ input, name }: Execution): string {
  const { key, resultKey } = (JSON.parse(input) ?? {}) as { key?: unknown; resultKey?: unknown };
  const known = key ?? resultKey;
  if (typeof known === 'string') return known;
  return name.length > NARROWEST ? `${name.slice(0, NARROWEST - 1)}…` : name;
}

function stateOf({ history }: Execution): string | undefined {
  return history.findLast(({ stateEnteredEventDetails }) => stateEnteredEventDetails)?.stateEnteredEventDetails?.name;
}

/** Why a Wait state waits, where it is not for the gateway. */
function reasonOf({ history }: Execution): string {
  const entered = history.findLast(({ type }) => type === 'WaitStateEntered')?.stateEnteredEventDetails;
  return isSettling(JSON.parse(entered?.input ?? '{}'))
    ? ', as a result of the same bytes stands: looks again then'
    : '';
}

/** A text in lines that fit beside a margin; as it is where there is no terminal. */
function folded(text: string, margin: number): string {
  const room = (process.stdout.columns ?? Number.POSITIVE_INFINITY) - margin;
  if (text.length <= room || room < 30) return text;
  const indent = /^[ ✓✗→]*/.exec(text)?.[0].length ?? 0;
  const lines: string[] = [];
  for (const word of text.split(/ (?=\S)/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < room) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(lines.length === 0 ? word : ' '.repeat(indent) + word);
  }
  return lines.join(`\n${' '.repeat(margin)}`);
}
