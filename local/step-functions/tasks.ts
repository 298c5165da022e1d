import { randomUUID } from 'node:crypto';
import { AwsError } from '../aws-api.ts';
import { FunctionError } from '../lambda.ts';
import { type Definition, type Json, WAIT } from './definition.ts';
import { describeChild, type Execution, named } from './execution.ts';
import type { WaitKind } from './waits.ts';

/** Stands for the task token until a task is entered. */
export const TOKEN = 'local-task-token';

/** The longest time that a timer can be set to. */
const LONGEST_MS = 2 ** 31 - 1;

type Handler = (parameters: Json) => Promise<Json>;

/** Sees a call of another service that a state machine makes. */
export type CallListener = (operation: string, input: unknown) => void;

/** What tasks call. */
export interface Services {
  /** Invokes a function by its ARN; throws FunctionError. */
  invoke: (functionArn: string, event: unknown) => Promise<unknown>;
  /** DynamoDB's UpdateItem, for the integration of that name. */
  updateItem?: ((input: unknown) => Promise<unknown>) | undefined;
  /** Sees each call of Step Functions that a task makes, and may refuse it. */
  refuse?: ((operation: string, input: unknown) => AwsError | undefined) | undefined;
}

/** Begins a wait of so many milliseconds by the definition. @returns how long it lasts on this machine */
export type WaitListener = (kind: WaitKind, askedMs: number) => number;

/** The executions that tasks start and wait for. */
export interface Executions {
  startOf: (stateMachineArn: string, name: string, input: string) => Execution;
  get: (executionArn: string) => Execution;
  redrive: (executionArn: string) => void;
  stop: (executionArn: string) => void;
  ended: (executionArn: string) => Promise<void>;
}

/** The service integrations: what Task states do, by their resource. */
export class Tasks {
  readonly #services: Services;
  readonly #executions: Executions;
  /** Tasks that wait for their token, by token. */
  readonly #waiting = new Map<string, (output: Json) => void>();

  constructor(services: Services, executions: Executions) {
    this.#services = services;
    this.#executions = executions;
  }

  /** What runs a Task state. Once the signal aborts, tasks that wait end without a result. */
  handlerOf(
    state: Definition['States'][string],
    signal: AbortSignal,
    onCall: CallListener,
    onWait: WaitListener,
  ): Handler {
    const { Resource = '', TimeoutSeconds } = state as { Resource?: string; TimeoutSeconds?: number };
    switch (Resource.replace(/^arn:[^:]+:states:::/, '')) {
      case 'lambda:invoke':
        return (parameters) => this.#invoke(parameters, onCall);
      case 'aws-sdk:dynamodb:updateItem.waitForTaskToken':
        return (parameters) => {
          onCall('DynamoDB.UpdateItem', parameters);
          return this.#waitForTaskToken(parameters, signal, onWait('callback', (TimeoutSeconds ?? 0) * 1000));
        };
      case WAIT:
        return async (parameters) => {
          await sleep(Math.min(onWait('time', msOf(parameters)), LONGEST_MS), signal);
          return null;
        };
      case 'states:startExecution':
        return async (parameters) => {
          const { arn, startDate } = this.#start(parameters, onCall);
          return { ExecutionArn: arn, StartDate: startDate };
        };
      case 'states:startExecution.sync:2':
        return (parameters) => this.#startAndWait(parameters, signal, onCall);
      case 'aws-sdk:sfn:describeExecution':
        return async (parameters) =>
          this.#callOn('AWSStepFunctions.DescribeExecution', parameters, onCall, (arn) => this.#describe(arn));
      case 'aws-sdk:sfn:redriveExecution':
        return async (parameters) =>
          this.#callOn('AWSStepFunctions.RedriveExecution', parameters, onCall, (arn) => this.#redrive(arn));
      default:
        return () => Promise.reject(new Error(`The local run does not know the resource ${Resource}`));
    }
  }

  /** Wakes the task that waits for a token. */
  succeed(token: string, output: Json): void {
    const settle = this.#waiting.get(token);
    if (!settle) throw new AwsError('TaskTimedOut', 'Task Timed Out: Provided task does not exist anymore');
    settle(output);
  }

  async #invoke(parameters: Json, onCall: CallListener): Promise<Json> {
    const { FunctionName, Payload } = parameters as { FunctionName: string; Payload: Json };
    onCall('Lambda.Invoke', { functionName: FunctionName });
    try {
      const payload = (await this.#services.invoke(FunctionName, Payload)) as Json;
      return { ExecutedVersion: '$LATEST', StatusCode: 200, Payload: payload };
    } catch (error) {
      if (!(error instanceof FunctionError)) throw error;
      // The cause of a function's error is JSON, as on AWS.
      throw named(error.failure.errorType, JSON.stringify(error.failure));
    }
  }

  #start(parameters: Json, onCall: CallListener): Execution {
    const { refuse } = this.#services;
    const { StateMachineArn, Name = randomUUID(), Input = {} } = parameters as Record<string, Json>;
    const input = typeof Input === 'string' ? Input : JSON.stringify(Input);
    const call = { stateMachineArn: String(StateMachineArn), name: String(Name), input };
    onCall('AWSStepFunctions.StartExecution', call);
    try {
      const refusal = refuse?.('AWSStepFunctions.StartExecution', call);
      if (refusal) throw refusal;
      return this.#executions.startOf(call.stateMachineArn, call.name, call.input);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      throw named(`StepFunctions.${exceptionOf(error)}`, error.message);
    }
  }

  /** As the AWS SDK's integration answers: its times are ISO 8601, and its errors have the SDK's name in front. */
  #describe(executionArn: string): Json {
    const execution = this.#executions.get(executionArn);
    const { StartDate, StopDate, ...described } = describeChild(execution);
    const isoDate = (time: unknown) => new Date(Number(time)).toISOString();
    const isRedrivable = execution.status !== 'RUNNING' && execution.status !== 'SUCCEEDED';
    return {
      ...described,
      RedriveStatus: isRedrivable ? 'REDRIVABLE' : 'NOT_REDRIVABLE',
      StartDate: isoDate(StartDate),
      ...(StopDate !== undefined && { StopDate: isoDate(StopDate) }),
    };
  }

  #redrive(executionArn: string): Json {
    this.#executions.redrive(executionArn);
    return { RedriveDate: new Date().toISOString() };
  }

  /** A call of Step Functions' API by the AWS SDK integration: errors carry its prefix. */
  #callOn(operation: string, parameters: Json, onCall: CallListener, work: (executionArn: string) => Json): Json {
    const { ExecutionArn } = parameters as Record<string, Json>;
    const call = { executionArn: ExecutionArn };
    onCall(operation, call);
    try {
      const refusal = this.#services.refuse?.(operation, call);
      if (refusal) throw refusal;
      return work(String(ExecutionArn));
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      throw named(`Sfn.${exceptionOf(error)}`, error.message);
    }
  }

  async #startAndWait(parameters: Json, signal: AbortSignal, onCall: CallListener): Promise<Json> {
    const execution = this.#start(parameters, onCall);
    const call = { executionArn: execution.arn };
    const stop = () => {
      onCall('AWSStepFunctions.StopExecution', call);
      this.#executions.stop(execution.arn);
    };
    signal.addEventListener('abort', stop);
    await this.#executions.ended(execution.arn);
    signal.removeEventListener('abort', stop);
    if (signal.aborted) return null;
    onCall('AWSStepFunctions.DescribeExecution', call);
    const child = describeChild(execution);
    if (execution.status !== 'SUCCEEDED') throw named('States.TaskFailed', JSON.stringify(child));
    return { ...child, Input: JSON.parse(execution.input), Output: JSON.parse(execution.output ?? 'null') };
  }

  /** Updates the item, then waits for the token, or for the time to run out. */
  async #waitForTaskToken(parameters: Json, signal: AbortSignal, timeoutMs: number): Promise<Json> {
    const { updateItem } = this.#services;
    if (!updateItem) throw new Error('The template makes no table, but the definition uses one');
    // The interpreter knows one token for a whole execution; each task gets its own, as on AWS.
    const token = randomUUID();
    let timer: NodeJS.Timeout | undefined;
    const woken = new Promise<Json>((resolve) => this.#waiting.set(token, resolve));
    // A stopped execution's tokens are worth nothing any more.
    const giveUp = () => this.#waiting.get(token)?.(null);
    signal.addEventListener('abort', giveUp);
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(named('States.Timeout', 'The task ran out of time')), timeoutMs);
    });
    timeout.catch(() => undefined);
    try {
      await updateItem(JSON.parse(JSON.stringify(parameters).replaceAll(TOKEN, token)));
      return await Promise.race([woken, timeout]);
    } catch (error) {
      const { name, message } = error as Error;
      throw name.startsWith('States.') ? error : named(`DynamoDb.${name}`, message);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      this.#waiting.delete(token);
    }
  }
}

/** The name of an error as the states language knows it: some of Step Functions' own lack the ending. */
function exceptionOf({ name }: AwsError): string {
  return name.replace(/(Exception)?$/, 'Exception');
}

/** Ends sooner if the signal aborts. By the global timer, in whose place simulated time may be. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

/** How long a Wait state waits by what it was given. */
function msOf(parameters: Json): number {
  const { Seconds, Timestamp } = parameters as { Seconds?: number; Timestamp?: string };
  return Math.max(0, Seconds === undefined ? Date.parse(Timestamp ?? '') - Date.now() : Seconds * 1000) || 0;
}
