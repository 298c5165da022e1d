import type { HistoryEvent } from '@aws-sdk/client-sfn';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { billOf, callbackIn, visitsIn } from '../../../commands/shared/history.ts';
import { parts, Timeline } from '../../../commands/shared/timeline.ts';

/** Histories as Step Functions writes them: with each attempt of a task, and a type of its own for a timeout. */
let seconds = 0;
const event = (type: string, details: Partial<HistoryEvent> = {}): HistoryEvent =>
  ({ type, timestamp: new Date(++seconds * 1000), ...details }) as HistoryEvent;
const failed = (error: string) => event('TaskFailed', { taskFailedEventDetails: { error } as never });
const timedOut = () => event('TaskTimedOut', { taskTimedOutEventDetails: { error: 'States.Timeout' } as never });
/** A stay in a state: what happened in it, then what it handed on, if it did. */
const visit = (name: string, between: HistoryEvent[] = [], output?: unknown): HistoryEvent[] => [
  event('TaskStateEntered', { stateEnteredEventDetails: { name, input: '{}' } }),
  event('TaskScheduled'),
  ...between,
  ...(output === undefined ? [] : [event('TaskStateExited', { stateExitedEventDetails: exited(name, output) })]),
];
const exited = (name: string, output: unknown) => ({ name, output: JSON.stringify(output) });
let requests = 0;
const submitted = (...between: HistoryEvent[]) =>
  visit('Submit', [...between, event('TaskSucceeded')], { requestId: `request-${++requests}`, status: 'QUEUED' });
const bill = (...events: HistoryEvent[][]) => billOf(visitsIn(events.flat()));

describe('what an execution costs at the gateway', () => {
  it('is one image for a submission that was accepted, however often it had been refused before', () => {
    expect(bill(submitted(failed('TooManyRequests'), failed('GatewayUnreachable')))).toEqual({
      charged: 1,
      perhaps: 0,
    });
  });

  it('is nothing for what ended in ERROR', () => {
    const error = visit('Check status', [event('TaskSucceeded')], { status: 'ERROR' });
    const lastError = visit('Check status', [failed('RemovalError')]);
    expect(bill(submitted(), error, submitted())).toEqual({ charged: 1, perhaps: 0 });
    expect(bill(submitted(), error, submitted(), lastError)).toEqual({ charged: 0, perhaps: 0 });
    const redriven = error;
    expect(bill(submitted(), lastError, redriven, submitted())).toEqual({ charged: 1, perhaps: 0 });
  });

  it('is perhaps more for each attempt whose answer is lost, or that crashed', () => {
    const lost = [failed('OutcomeUnknown'), failed('Sandbox.Timedout'), timedOut()];
    expect(bill(submitted(...lost))).toEqual({ charged: 1, perhaps: 3 });
    expect(bill(visit('Submit', [failed('Lambda.TooManyRequestsException')]))).toEqual({ charged: 0, perhaps: 0 });
  });
});

describe('a callback', () => {
  const callback = (...between: HistoryEvent[]) =>
    callbackIn(visitsIn([submitted(), visit('Await callback', between, {})].flat()));

  it('came if the task succeeded, also at a later attempt', () => {
    expect(callback(event('TaskSucceeded'))).toBe('CAME');
    expect(callback(failed('DynamoDb.InternalServerErrorException'), event('TaskSucceeded'))).toBe('CAME');
  });

  it('came if it had been noted before it was awaited', () => {
    expect(callback(failed('DynamoDb.ConditionalCheckFailedException'))).toBe('CAME');
  });

  it('did not come if the task ran out of time, and was not awaited if the table failed', () => {
    expect(callback(timedOut())).toBe('DID_NOT_COME');
    expect(callback(failed('DynamoDb.ResourceNotFoundException'))).toBe('NOT_AWAITED');
  });

  it('is no matter in polling mode', () => {
    expect(callbackIn(visitsIn(submitted()))).toBeUndefined();
  });
});

describe('the timeline', () => {
  afterEach(() => vi.restoreAllMocks());

  it('explains a failed attempt once, while its retry is waited for', () => {
    const lines: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(line));
    const timeline = new Timeline(
      { executionArn: 'arn', stateMachineArn: 'arn', status: 'RUNNING', startDate: new Date(0) },
      0,
    );
    const unreachable = () => failed('GatewayUnreachable');
    for (const look of [visit('Submit', [unreachable()]), [], [], [unreachable()], []]) timeline.print(look);
    expect(lines.filter((line) => /✗ GatewayUnreachable/.test(line))).toHaveLength(2);
    expect(lines.filter((line) => /Check the setting gatewayUrl/.test(line))).toHaveLength(1);
    expect(lines.at(-2)).toMatch(/tried again by itself/);
  });

  it('adds up the stays in a state', () => {
    const wait = () => visit('Wait', [], {});
    expect(parts(400, visitsIn([wait(), visit('Check status', [], {}), wait()].flat()))).toBe(
      'until its start 0.40 s, Wait 4.00 s, Check status 2.00 s',
    );
  });
});
