import { AWAIT_CALLBACK, isOvertaken, type TaskFailure } from '../../commands/shared/history.ts';
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
  const { error } = failed;
  const callback = callbackEnd(state.name, failed);
  if (callback === 'OVERTAKEN') state.notes.push({ type: 'remark', at, text: 'The callback had come before' });
  else {
    const message = callback === 'TIMED_OUT' ? 'No callback in time: from here on it polls' : withoutRemedy(failed);
    state.notes.push({ type: 'failure', at, error, message });
  }
}

/** How the wait for a callback ended, if it is what failed: the callback had come before, or did not come in time. */
export function callbackEnd(state: string | undefined, failed: TaskFailure): 'OVERTAKEN' | 'TIMED_OUT' | undefined {
  if (state !== AWAIT_CALLBACK) return undefined;
  if (isOvertaken(failed)) return 'OVERTAKEN';
  return failed.error === 'States.Timeout' ? 'TIMED_OUT' : undefined;
}

/** Why an attempt failed. The remedy is for whoever has to do something, once there is no further attempt. */
export function withoutRemedy({ error, cause }: { error: string; cause: string }): string {
  const message = messageIn(cause);
  return isErrorName(error) ? message.replace(rowOf(error).remedy, '').trim() : message;
}

/** What a function threw comes as JSON, with a stack. */
function messageIn(cause: string): string {
  try {
    const { errorMessage } = JSON.parse(cause);
    return typeof errorMessage === 'string' ? errorMessage : cause;
  } catch {
    return cause;
  }
}
