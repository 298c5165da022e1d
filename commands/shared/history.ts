import { setTimeout as sleep } from 'node:timers/promises';
import { type HistoryEvent, paginateGetExecutionHistory, type SFNClient } from '@aws-sdk/client-sfn';
import { isErrorName } from '../../functions/errors.ts';

/** Between two looks at a history, in milliseconds: far below the quota of requests. */
const LOOK_MS = 500;

/**
 * Follows an execution until it has ended, however long that takes.
 *
 * @returns after each look the events that are new, oldest first: often none.
 */
export async function* follow(sfn: SFNClient, executionArn: string): AsyncGenerator<HistoryEvent[], void> {
  let lastId = 0;
  for (;;) {
    const events = await eventsSince(sfn, executionArn, lastId);
    lastId = events.at(-1)?.id ?? lastId;
    yield events;
    if (events.some(isEnd)) return;
    await sleep(LOOK_MS);
  }
}

/** Newest first, so that a look at a long history reads but its last page. */
async function eventsSince(sfn: SFNClient, executionArn: string, lastId: number): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  const newestFirst = { executionArn, reverseOrder: true, maxResults: 100 };
  for await (const page of paginateGetExecutionHistory({ client: sfn }, newestFirst)) {
    const unseen = (page.events ?? []).filter(({ id = 0 }) => id > lastId);
    events.unshift(...unseen.reverse());
    if (unseen.length < (page.events?.length ?? 0)) break;
  }
  return events;
}

function isEnd({ type }: HistoryEvent): boolean {
  return ['ExecutionSucceeded', 'ExecutionFailed', 'ExecutionTimedOut', 'ExecutionAborted'].includes(type ?? '');
}

/** A failed attempt of a task. */
export interface TaskFailure {
  error: string;
  cause: string | undefined;
}

/** The failure that an event tells of; undefined for all other events. */
export function taskFailure(event: HistoryEvent): TaskFailure | undefined {
  const failed =
    event.taskFailedEventDetails ??
    event.taskTimedOutEventDetails ??
    event.taskStartFailedEventDetails ??
    event.taskSubmitFailedEventDetails;
  return failed && { error: failed.error ?? 'unknown', cause: failed.cause };
}

/** One stay in a state. */
export interface Visit {
  state: string;
  /** In milliseconds; until the last event known, if it was never left. */
  ms: number;
  failures: TaskFailure[];
  /** The failure after which the task was given up; undefined if it succeeded in the end. */
  lastFailure: TaskFailure | undefined;
  /** What the state handed on; undefined if it did not. */
  output: Record<string, unknown> | undefined;
}

/** The states that an execution went through, in order. */
export function visitsIn(events: HistoryEvent[]): Visit[] {
  const visits: (Visit & { enteredAt: number })[] = [];
  for (const event of events) {
    const { stateEnteredEventDetails: entered, stateExitedEventDetails: exited } = event;
    const at = event.timestamp?.getTime() ?? 0;
    if (entered) {
      const visit = { state: entered.name ?? '', ms: 0, failures: [], lastFailure: undefined, output: undefined };
      visits.push({ ...visit, enteredAt: at });
    }
    const visit = visits.at(-1);
    if (visit === undefined) continue;
    const failure = taskFailure(event);
    if (failure) visit.failures.push(failure);
    if (failure || event.type === 'TaskSucceeded') visit.lastFailure = failure;
    if (exited) visit.output = JSON.parse(exited.output ?? 'null') ?? {};
    visit.ms = at - visit.enteredAt;
  }
  return visits;
}

/** What an execution has submitted to the gateway, in images. */
export interface Bill {
  charged: number;
  /** Submissions whose answer was lost: charged, or not. */
  perhaps: number;
}

/** What an execution has to be paid for: all submissions that were accepted, except those that ended in ERROR. */
export function billOf(visits: Visit[]): Bill {
  let perhaps = 0;
  const charged = new Set<unknown>();
  let requestId: unknown;
  for (const { state, output, failures } of visits) {
    if (state === 'Submit') {
      requestId = output?.requestId;
      if (requestId !== undefined) charged.add(requestId);
      perhaps += failures.filter(({ error }) => isOutcomeUnknown(error)).length;
    }
    const isError = output?.status === 'ERROR' || failures.some(({ error }) => error === 'RemovalError');
    // Asked again after a redrive, it says ERROR again.
    if (state === 'Check status' && isError) charged.delete(requestId);
  }
  return { charged: charged.size, perhaps };
}

/** Every crash, of whatever name, may have come after the submission was sent. */
function isOutcomeUnknown(error: string): boolean {
  return isErrorName(error) ? error === 'OutcomeUnknown' : error !== 'Lambda.TooManyRequestsException';
}

/** How the wait for the gateway's callback ended; undefined if there was none, as in polling mode. */
export function callbackIn(visits: Visit[]): 'CAME' | 'DID_NOT_COME' | 'NOT_AWAITED' | undefined {
  const wait = visits.findLast(({ state }) => state === AWAIT_CALLBACK);
  if (wait?.output === undefined) return undefined;
  const failure = wait.lastFailure;
  if (failure === undefined || isOvertaken(failure)) return 'CAME';
  return failure.error === 'States.Timeout' ? 'DID_NOT_COME' : 'NOT_AWAITED';
}

/** The state that waits for the gateway's callback. */
export const AWAIT_CALLBACK = 'Await callback';

/** Whether a callback came even before it was waited for. */
export function isOvertaken({ error }: TaskFailure): boolean {
  return /^DynamoD[Bb]\.ConditionalCheckFailedException$/.test(error);
}
