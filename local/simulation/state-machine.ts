import type { UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import { type Execution, LocalStepFunctions } from '../step-functions.ts';
import { tooManyUpdates } from './aws-clients.ts';
import type { Clock } from './clock.ts';
import type { Deployment } from './deployment.ts';
import type { AwsFaults } from './faults.ts';
import type { Invocations } from './invocations.ts';
import { type Quota, TokenBucket } from './quotas.ts';
import type { Table } from './table.ts';
import type { WorldEvents } from './world-events.ts';

export interface StateMachineOptions {
  clock: Clock;
  invocations: Invocations;
  table: Table;
  faults: AwsFaults;
  /** Milliseconds that the next call of the state machine itself takes. */
  latency: () => number;
  /** State transitions that the region allows. @default - as many as come */
  quota: Quota | undefined;
  events: WorldEvents;
  onStatusChange: (execution: Execution) => void;
}

/** Step Functions with the deployment's state machine; undefined if that has none. */
export function stateMachineOf(
  { stateMachineArn, definition }: Deployment,
  { clock, invocations, table, faults, latency, quota, events, onStatusChange }: StateMachineOptions,
): LocalStepFunctions | undefined {
  if (definition === undefined) return undefined;
  const bucket = quota && new TokenBucket(clock, quota);
  /** A state is entered, or a task tried again. An account that is past its quota waits, in turn. */
  const transition = async (isTask: boolean) => {
    bucket?.owe();
    const waitMs = bucket?.debtMs ?? 0;
    if (waitMs > 0) await clock.sleep(waitMs);
    events.emit('transition', isTask);
  };
  return new LocalStepFunctions({
    stateMachineArn,
    definition,
    invoke: async (arn, event) => {
      await transition(true);
      return invocations.invoke(arn, event);
    },
    updateItem: async (input) => {
      await transition(true);
      await clock.sleep(latency());
      return faults.answer('UpdateItem', tooManyUpdates, () => {
        events.emit('call', 'UpdateItem');
        return table.update(input as UpdateItemCommandInput);
      });
    },
    onHistory: (execution, event) => {
      events.emit('history', execution, event);
      // Of a task, each attempt is one.
      if (event.stateEnteredEventDetails && event.type !== 'TaskStateEntered') void transition(false);
    },
    onStatusChange,
  });
}
