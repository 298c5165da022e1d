import type { Operation } from '../aws-api.ts';
import { stackOperations } from '../cloudformation.ts';
import type { LocalDynamoDb } from '../dynamodb.ts';
import type { LocalFunction } from '../lambda.ts';
import type { LocalQueue } from '../queue.ts';
import type { LocalSecrets } from '../secrets.ts';
import type { LocalStepFunctions } from '../step-functions.ts';
import type { Template } from '../template.ts';
import type { EventSources } from './event-sources.ts';
import { functionOperations } from './function-list.ts';
import { identityOperations } from './identity.ts';
import { queueOperations } from './queues.ts';
import { tableOperations } from './tables.ts';

/** What the operations tell of; a deployment may change it. */
export interface Told {
  readonly template: Template;
  readonly secrets: LocalSecrets;
  readonly stepFunctions: LocalStepFunctions;
  readonly queues: ReadonlyMap<string, LocalQueue>;
  readonly eventSources: EventSources;
  readonly functions: ReadonlyMap<string, LocalFunction>;
  readonly dynamoDb: LocalDynamoDb | undefined;
}

/** The operations of AWS's services that this machine offers, S3's aside. */
export function operationsOf(told: Told): Record<string, Operation> {
  return {
    ...identityOperations,
    ...stackOperations(() => told.template),
    ...told.secrets.operations,
    ...told.stepFunctions.operations,
    ...queueOperations(told.queues),
    ...tableOperations(() => told.dynamoDb),
    ...told.eventSources.operations,
    ...functionOperations(() => told.functions.values()),
  };
}
