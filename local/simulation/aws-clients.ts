import {
  DynamoDBClient,
  ProvisionedThroughputExceededException,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  ExecutionNotRedrivable,
  SFNClient,
  SFNServiceException,
  TaskTimedOut,
} from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { AwsError, type Operation } from '../aws-api.ts';
import type { AwsFaults } from './faults.ts';
import type { Invocations } from './invocations.ts';
import type { Messages } from './messages.ts';
import { type Objects, s3Exception } from './objects.ts';
import { replace } from './replace.ts';
import type { Table } from './table.ts';

/** What stands behind the AWS clients. */
export interface AwsServices {
  invocations: Invocations;
  objects: Objects;
  table: Table;
  messages: Messages;
  stepFunctions: Record<string, Operation>;
  /** The text of the one secret there is. */
  secret: () => string;
  faults: AwsFaults;
  /** Whether a quota does not allow the call now. */
  isThrottled: (operation: string) => boolean;
  /** Waits for a random part of a time, in simulated milliseconds. */
  pause: (ms: number) => Promise<void>;
  /** Sees each call that is answered. */
  onCall: (operation: string) => void;
}

/** How long the SDK waits at most before it sends a call that was throttled for the second time, and for any later one. */
const SDK_THROTTLED_MS = 1_000;
const SDK_LONGEST_MS = 20_000;

/** A client of the SDK, as far as it matters how often it tries. */
interface Client {
  config: { maxAttempts?: () => Promise<number> };
}

type Answer = (operation: string, input: object) => unknown;

/** Puts the services behind `send` of the SDK's clients. @returns what takes them away again */
export function connect(services: AwsServices): () => void {
  const { objects, table, messages, stepFunctions, secret } = services;
  const send = (answer: Answer, unavailable: () => Error) =>
    async function (this: Client, command: { input: object }): Promise<unknown> {
      const attempts = (await this.config.maxAttempts?.()) ?? Number(process.env.AWS_MAX_ATTEMPTS ?? 3);
      const operation = command.constructor.name.replace(/Command$/, '');
      let isPast = false;
      const answerOnce = async () => {
        for (let attempt = 1; !isPast && services.isThrottled(operation); attempt++) {
          if (attempt === attempts) throw unavailable();
          await services.pause(Math.min(SDK_LONGEST_MS, SDK_THROTTLED_MS * 2 ** (attempt - 1)));
        }
        isPast = true;
        services.onCall(operation);
        return answer(operation, command.input);
      };
      return services.invocations.call(() => services.faults.answer(operation, unavailable, answerOnce, attempts > 1));
    };
  const ask = (operation: string, input: object) => {
    const known = stepFunctions[`AWSStepFunctions.${operation}`];
    if (known === undefined) throw new Error(`The simulation does not know ${operation}`);
    try {
      return withDates(known(input));
    } catch (error) {
      throw error instanceof AwsError ? sfnException(error.name) : error;
    }
  };
  const s3 = (operation: string, input: object) => objects.answer(operation, input);
  const secrets = () => ({ SecretString: secret() });
  const dynamoDb = (_: string, input: object) => table.update(input as UpdateItemCommandInput);
  const lambda = (operation: string, input: object) => messages.eventSources.answer(operation, input);
  const sqs = (_: string, input: object) => messages.send(input);
  const throttled = () => sfnException('ThrottlingException');
  const restore = [
    replace(
      S3Client.prototype,
      'send',
      send(s3, () => s3Exception(503, 'SlowDown')),
    ),
    replace(SFNClient.prototype, 'send', send(ask, throttled)),
    replace(LambdaClient.prototype, 'send', send(lambda, throttled)),
    replace(SQSClient.prototype, 'send', send(sqs, throttled)),
    replace(SecretsManagerClient.prototype, 'send', send(secrets, throttled)),
    replace(DynamoDBClient.prototype, 'send', send(dynamoDb, tooManyUpdates)),
  ];
  return () => {
    for (const each of restore) each();
  };
}

/** The API has times in seconds, the SDK's answers have them as dates. */
function withDates(answer: unknown): unknown {
  const dated = Object.entries(answer as Record<string, unknown>).map(([name, value]) => [
    name,
    name.endsWith('Date') && typeof value === 'number' ? new Date(value * 1000) : value,
  ]);
  return Object.fromEntries(dated);
}

export function tooManyUpdates(): Error {
  return new ProvisionedThroughputExceededException({ message: 'Throttled', $metadata: { httpStatusCode: 400 } });
}

function sfnException(name: string): Error {
  const details = { message: name, $metadata: { httpStatusCode: 400 } };
  if (name === 'ExecutionAlreadyExists') return new ExecutionAlreadyExists(details);
  if (name === 'ExecutionDoesNotExist') return new ExecutionDoesNotExist(details);
  if (name === 'ExecutionNotRedrivable') return new ExecutionNotRedrivable(details);
  if (name === 'TaskTimedOut') return new TaskTimedOut(details);
  return new SFNServiceException({ ...details, name, $fault: 'client' });
}
