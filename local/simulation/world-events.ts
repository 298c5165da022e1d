import { EventEmitter } from 'node:events';
import type { BusEvent } from '../event-bus.ts';
import type { Execution, HistoryEvent } from '../step-functions.ts';
import type { DeployedFunction } from './functions.ts';

/** What happens in a world, as it happens: for whoever counts it, times it, or looks for what must not be in it. */
export class WorldEvents extends EventEmitter<{
  /** An invocation has ended, after so many calls of anything outside. */
  invocation: [of: DeployedFunction, ms: number, hasThrown: boolean, calls: number];
  /** An AWS operation, such as `PutObject`, is performed: for a function, a state machine or the gateway. */
  call: [operation: string];
  /** A state is entered or, if it is a task, tried again: once the quota of the region lets it. */
  transition: [isTask: boolean];
  history: [execution: Execution, event: HistoryEvent];
  /** An event has come to EventBridge. */
  event: [event: BusEvent];
  /** Requests to SQS, each of them billed. */
  queue: [requests: number];
  /** An item of the table, as it has become. */
  item: [item: Record<string, string>];
  /** An object of the results bucket, which has just been written. */
  result: [key: string];
  /** A line that a function has written to its log. */
  log: [text: string | Uint8Array];
}> {}
