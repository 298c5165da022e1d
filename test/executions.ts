import type { Execution } from '../local/step-functions.ts';

/** What an execution of the local services says of itself. */

/** The names of the states that an execution entered, in order. */
export function statesOf({ history }: Execution): string[] {
  return history.flatMap(({ stateEnteredEventDetails }) => stateEnteredEventDetails?.name ?? []);
}

/** How long Check status had the state machine wait for the next poll, each time, in seconds. */
export function waitsOf({ history }: Execution): number[] {
  const decisions = history.flatMap(({ stateEnteredEventDetails: entered }) =>
    entered?.name === 'Finished?' ? JSON.parse(entered.input) : [],
  );
  return decisions.flatMap(({ status, waitSeconds }) =>
    ['COMPLETED', 'ERROR', 'SUPERSEDED'].includes(status) ? [] : waitSeconds,
  );
}

/** The message that a failed execution shows: what a function threw comes as JSON with a stack. */
export function messageOf({ cause = '' }: Execution): string {
  return cause.startsWith('{') ? JSON.parse(cause).errorMessage : cause;
}

/** What the last state that an execution entered was handed, as JSON. */
export function lastInput({ history }: Execution): string {
  return history.findLast((event) => event.stateEnteredEventDetails)?.stateEnteredEventDetails?.input ?? 'null';
}
