import type { StateMachine } from 'aws-local-stepfunctions';
import type { Prepared } from './definition.ts';
import type { Execution, ExecutionStatus, HistoryEvent } from './execution.ts';
import type { ExecutionWait } from './waits.ts';

type Logged = ReturnType<StateMachine['run']>['eventLogs'] extends AsyncGenerator<infer E> ? E : never;

export interface HistoryListeners {
  /** Called after each event of each execution. */
  onHistory?: ((execution: Execution, event: HistoryEvent) => void) | undefined;
  /** Called once each wait of each execution has begun, after the event that led to it. */
  onWait?: ((execution: Execution, wait: ExecutionWait) => void) | undefined;
  /** Called when an execution's status changes, as EventBridge is told. */
  onStatusChange?: ((execution: Execution) => void) | undefined;
}

/** Writes the histories of executions, from what the interpreter tells of them. */
export class Histories {
  readonly #listeners: HistoryListeners;

  constructor(listeners: HistoryListeners) {
    this.#listeners = listeners;
  }

  async follow(execution: Execution, events: AsyncGenerator<Logged>, { maps, waits }: Prepared): Promise<void> {
    // Distributed Maps and Wait states run as tasks, and show as what they are.
    const typeOf = ({ name, type }: { name: string; type: string }) =>
      maps.has(name) ? 'Map' : waits.has(name) ? 'Wait' : type;
    for await (const event of events) {
      switch (event.type) {
        case 'ExecutionStarted':
          if (execution.redriveCount === 0) this.record(execution, 'ExecutionStarted');
          break;
        case 'StateEntered':
          this.record(execution, `${typeOf(event.state)}StateEntered`, {
            stateEnteredEventDetails: { name: event.state.name, input: JSON.stringify(event.state.input) },
          });
          break;
        case 'StateExited':
          this.record(execution, `${typeOf(event.state)}StateExited`, {
            stateExitedEventDetails: { name: event.state.name, output: JSON.stringify(event.state.output ?? null) },
          });
          break;
        case 'StateFailed':
          if (typeOf(event.state) !== 'Task') break;
          this.record(execution, 'TaskFailed', {
            taskFailedEventDetails: { error: event.Error, cause: String(event.Cause) },
          });
          break;
        case 'ExecutionSucceeded':
          execution.output = JSON.stringify(event.output);
          return this.#end(execution, 'SUCCEEDED', 'ExecutionSucceeded');
        case 'ExecutionFailed':
          execution.error = event.Error;
          execution.cause = String(event.Cause);
          return this.#end(execution, 'FAILED', 'ExecutionFailed', {
            executionFailedEventDetails: { error: event.Error, cause: String(event.Cause) },
          });
        case 'ExecutionAborted':
          return this.#end(execution, 'ABORTED', 'ExecutionAborted');
        case 'ExecutionTimeout':
          return this.#end(execution, 'TIMED_OUT', 'ExecutionTimedOut');
      }
    }
  }

  #end(execution: Execution, status: ExecutionStatus, type: string, details: Partial<HistoryEvent> = {}): void {
    execution.status = status;
    execution.stopDate = Date.now();
    this.record(execution, type, details);
    this.#listeners.onStatusChange?.(execution);
  }

  /** Notes a wait that begins now. What the interpreter tells of the event before it arrives a little later. */
  wait(execution: Execution, begun: Omit<ExecutionWait, 'at' | 'eventId'>): void {
    const at = Date.now();
    setImmediate(() => {
      const wait = { ...begun, at, eventId: execution.history.length };
      execution.waits.push(wait);
      this.#listeners.onWait?.(execution, wait);
    });
  }

  record(execution: Execution, type: string, details: Partial<HistoryEvent> = {}): void {
    const event = { id: execution.history.length + 1, timestamp: Date.now(), type, ...details };
    execution.history.push(event);
    this.#listeners.onHistory?.(execution, event);
  }
}
