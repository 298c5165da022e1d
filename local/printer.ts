import { relative } from 'node:path';
import type { Execution, HistoryEvent } from './step-functions.ts';

/** Prints what happens, state by state, with the time since the first line. */
export class Printer {
  readonly #start = Date.now();
  /** What else there is to say of an outcome, by the request's id. @default nothing */
  noteOf: (requestId: string | undefined) => string | undefined = () => undefined;

  upload(file: string, bucket: string, key: string): void {
    this.#line('', `upload ${relative('.', file)} → s3://${bucket}/${key}`);
  }

  /** One line for each state that is entered, each failure, and each end. */
  readonly history = ({ name, error, output }: Execution, event: HistoryEvent): void => {
    const { type, stateEnteredEventDetails: entered, taskFailedEventDetails: failed } = event;
    const ended = /^Execution(.+)$/.exec(type)?.[1];
    if (entered) this.#line(name, `→ ${entered.name}`);
    else if (failed) this.#line(name, `  ✗ ${failed.error}`);
    else if (ended) this.#line(name, `${ended.toLowerCase()}${error ? `: ${error}` : ''}`);

    const note = ended === 'Succeeded' ? this.noteOf(JSON.parse(output ?? 'null')?.requestId) : undefined;
    if (note !== undefined) this.#line(name, `  ${note}`);
  };

  #line(execution: string, text: string): void {
    const seconds = ((Date.now() - this.#start) / 1000).toFixed(2).padStart(7);
    // The hash makes the name unique, and is of no interest to the eye.
    const shown = execution.replace(/-[0-9a-f]{32}$/, '');
    console.log(`${seconds} s  ${shown ? `${shown.padEnd(16)} ` : ''}${text}`);
  }
}
