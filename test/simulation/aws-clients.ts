import {
  DynamoDBClient,
  ProvisionedThroughputExceededException,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ExecutionAlreadyExists, SFNClient, SFNServiceException, TaskTimedOut } from '@aws-sdk/client-sfn';
import { AwsError, type Operation } from '../../local/aws-api.ts';
import type { Invocations } from './invocations.ts';
import { type Objects, s3Exception } from './objects.ts';
import type { AwsFault } from './schedule.ts';
import type { Table } from './table.ts';

/** What stands behind the AWS clients. */
export interface AwsServices {
  invocations: Invocations;
  objects: Objects;
  table: Table;
  stepFunctions: Record<string, Operation>;
  /** The text of the one secret there is. */
  secret: () => string;
  faults: AwsFaults;
  /** Whether a quota does not allow the call now. */
  isThrottled: (operation: string) => boolean;
  /** Waits for a random part of a time, in simulated milliseconds. */
  pause: (ms: number) => Promise<void>;
}

/** How long the SDK waits at most before it sends a call that was throttled for the second time, and for any later one. */
const SDK_THROTTLED_MS = 1_000;
const SDK_LONGEST_MS = 20_000;

type Answer = (operation: string, input: object) => unknown;

/** Lets the nth call of an operation go wrong, whoever makes it. */
export class AwsFaults {
  readonly #faults: AwsFault[];
  readonly #counts = new Map<string, number>();

  constructor(faults: AwsFault[]) {
    this.#faults = faults;
  }

  async answer<T>(operation: string, unavailable: () => Error, answer: () => T | Promise<T>): Promise<T> {
    const nth = (this.#counts.get(operation) ?? 0) + 1;
    this.#counts.set(operation, nth);
    const fault = this.#faults.find((each) => each.operation === operation && each.nth === nth)?.as;
    if (fault === 'throttled') throw unavailable();
    const result = await answer();
    if (fault === 'answer lost') throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' });
    return fault === 'repeated' ? answer() : result;
  }
}

/** Puts the services behind `send` of the SDK's clients. @returns what takes them away again */
export function connect(services: AwsServices): () => void {
  const { objects, table, stepFunctions, secret } = services;
  const send = (answer: Answer, unavailable: () => Error) =>
    function (this: unknown, command: { input: object }): Promise<unknown> {
      const operation = command.constructor.name.replace(/Command$/, '');
      let isPast = false;
      const answerOnce = async () => {
        for (let attempt = 1; !isPast && services.isThrottled(operation); attempt++) {
          if (attempt === Number(process.env.AWS_MAX_ATTEMPTS ?? 3)) throw unavailable();
          await services.pause(Math.min(SDK_LONGEST_MS, SDK_THROTTLED_MS * 2 ** (attempt - 1)));
        }
        isPast = true;
        return answer(operation, command.input);
      };
      return services.invocations.call(() => services.faults.answer(operation, unavailable, answerOnce));
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
  const restore = [
    replaceSend(
      S3Client,
      send(
        (operation, input) => objects.answer(operation, input),
        () => s3Exception(503, 'SlowDown'),
      ),
    ),
    replaceSend(
      SFNClient,
      send(ask, () => sfnException('ThrottlingException')),
    ),
    replaceSend(
      SecretsManagerClient,
      send(
        () => ({ SecretString: secret() }),
        () => sfnException('ThrottlingException'),
      ),
    ),
    replaceSend(
      DynamoDBClient,
      send((_, input) => table.update(input as UpdateItemCommandInput), tooManyUpdates),
    ),
  ];
  return () => {
    for (const each of restore) each();
  };
}

function replaceSend(client: { prototype: object }, send: unknown): () => void {
  Object.defineProperty(client.prototype, 'send', { value: send, configurable: true });
  return () => void Reflect.deleteProperty(client.prototype, 'send');
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
  if (name === 'TaskTimedOut') return new TaskTimedOut(details);
  return new SFNServiceException({ ...details, name, $fault: 'client' });
}
