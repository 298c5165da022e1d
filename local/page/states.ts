import { AWAIT_CALLBACK, isOvertaken } from '../../commands/shared/history.ts';
import { isErrorName, rowOf } from '../../functions/errors.ts';
import type { Execution, HistoryEvent } from '../step-functions.ts';
import type { StateRow } from './content.ts';

/** The states of an execution as they were entered, with their failures and waits. */
export function statesOf({ history, waits, startDate, stopDate }: Execution): StateRow[] {
  const states: StateRow[] = [];
  let isRedriven = false;
  for (const event of history) {
    const at = event.timestamp - startDate;
    const { stateEnteredEventDetails: entered, stateExitedEventDetails: exited } = event;
    const current = states.at(-1);
    if (event.type === 'ExecutionRedriven') isRedriven = true;
    if (entered) {
      const { name, input } = entered;
      states.push({ name, at, isRedriven, hasFailed: false, notes: [], input: JSON.parse(input) });
      isRedriven = false;
    } else if (current) {
      if (exited) Object.assign(current, { ms: at - current.at, output: JSON.parse(exited.output) });
      note(current, event, at);
    }
    for (const { kind, ms, askedMs, at: begun } of waits.filter(({ eventId }) => eventId === event.id)) {
      states.at(-1)?.notes.push({ type: 'wait', kind, at: begun - startDate, ms, askedMs });
    }
    // Whatever ends an execution ends the state that it is in.
    const last = states.at(-1);
    if (last && last.ms === undefined && /^Execution(Failed|Aborted|TimedOut)$/.test(event.type)) {
      Object.assign(last, { ms: (stopDate ?? event.timestamp) - startDate - last.at, hasFailed: true });
    }
  }
  return states;
}

/** Notes a failed attempt, or how the wait for a callback ended. */
function note(state: StateRow, { taskFailedEventDetails: failed }: HistoryEvent, at: number): void {
  if (failed === undefined) return;
  const { error, cause } = failed;
  const isAwaiting = state.name === AWAIT_CALLBACK;
  if (isAwaiting && isOvertaken(failed)) state.notes.push({ type: 'remark', at, text: 'The callback had come before' });
  else if (isAwaiting && error === 'States.Timeout') {
    state.notes.push({ type: 'failure', at, error, message: 'No callback in time: from here on it polls' });
  } else {
    const message = messageIn(cause);
    // The remedy is for whoever has to do something about it, once there is no further attempt.
    const what = isErrorName(error) ? message.replace(rowOf(error).remedy, '').trim() : message;
    state.notes.push({ type: 'failure', at, error, message: what });
  }
}

/** What a function threw comes as JSON, with a stack. */
export function messageIn(cause: string): string {
  try {
    const { errorMessage } = JSON.parse(cause);
    return typeof errorMessage === 'string' ? errorMessage : cause;
  } catch {
    return cause;
  }
}
