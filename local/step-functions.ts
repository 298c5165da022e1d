import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { StateMachine } from 'aws-local-stepfunctions';
import { AwsError, type Operation } from './aws-api.ts';
import { FunctionError } from './lambda.ts';
import { ACCOUNT, REGION } from './template.ts';

/** Stands for the task token until a task is entered. */
const TOKEN = 'local-task-token';

type Definition = ConstructorParameters<typeof StateMachine>[0];
type Json = Parameters<StateMachine['run']>[0];
type Logged = ReturnType<StateMachine['run']>['eventLogs'] extends AsyncGenerator<infer E> ? E : never;

export type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/** What happened in an execution, in the shape of Step Functions' history. */
export interface HistoryEvent {
  id: number;
  timestamp: number;
  type: string;
  stateEnteredEventDetails?: { name: string; input: string };
  stateExitedEventDetails?: { name: string; output: string };
  taskFailedEventDetails?: { error: string; cause: string };
  executionFailedEventDetails?: { error: string; cause: string };
}

export interface Execution {
  arn: string;
  name: string;
  status: ExecutionStatus;
  input: string;
  output?: string;
  error?: string;
  cause?: string;
  startDate: number;
  stopDate?: number;
  redriveCount: number;
  history: HistoryEvent[];
}

export interface StepFunctionsOptions {
  stateMachineArn: string;
  definition: Definition;
  /** Invokes a function by its ARN; throws FunctionError. */
  invoke: (functionArn: string, event: unknown) => Promise<unknown>;
  /** Called after each event of each execution. */
  onHistory?: ((execution: Execution, event: HistoryEvent) => void) | undefined;
  /** Called when an execution's status changes, as EventBridge is told. */
  onStatusChange?: ((execution: Execution) => void) | undefined;
  /** DynamoDB's UpdateItem, for the integration of that name. */
  updateItem?: ((input: unknown) => Promise<unknown>) | undefined;
  /** Time limit of tasks that wait for a token, in milliseconds. @default - the definition's own */
  callbackTimeoutMs?: number | undefined;
  /** Waits of this many milliseconds in place of those of Wait states. @default - the definition's own */
  waitMs?: number | undefined;
  /** Waits of this many milliseconds in place of those of retriers. @default - the definition's own */
  retryMs?: number | undefined;
}

/** Step Functions' Standard workflows: runs the very definition of the template in an interpreter. */
export class LocalStepFunctions {
  readonly #options: StepFunctionsOptions;
  readonly #executions = new Map<string, Execution>();
  readonly #aborts = new Map<string, () => void>();
  /** Tasks that wait for their token, by token. */
  readonly #tasks = new Map<string, { execution: string; settle: (output: Json) => void }>();
  readonly #runs = new Set<Promise<void>>();

  constructor(options: StepFunctionsOptions) {
    this.#options = options;
    check(options.definition);
  }

  get executions(): Execution[] {
    return [...this.#executions.values()];
  }

  /** The same name twice is the same execution while it runs with the same input; otherwise it is refused. */
  start(name: string, input: string): Execution {
    const existing = this.#executions.get(name);
    if (existing) {
      if (existing.status === 'RUNNING' && isDeepStrictEqual(JSON.parse(existing.input), JSON.parse(input)))
        return existing;
      throw new AwsError('ExecutionAlreadyExists', `Execution Already Exists: '${existing.arn}'`);
    }
    if (!/^[^\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}]{1,80}$/u.test(name))
      throw new AwsError('InvalidName', `Invalid Name: '${name}'`);
    const execution: Execution = {
      arn: `arn:aws:states:${REGION}:${ACCOUNT}:execution:${this.#options.stateMachineArn.split(':').pop()}:${name}`,
      name,
      status: 'RUNNING',
      input,
      startDate: Date.now(),
      redriveCount: 0,
      history: [],
    };
    this.#executions.set(name, execution);
    this.#run(execution, this.#options.definition, JSON.parse(input));
    return execution;
  }

  /** Restarts a failed execution at the state that failed, with the input that it had then. */
  redrive(executionArn: string): Execution {
    const execution = this.get(executionArn);
    if (execution.status === 'RUNNING' || execution.status === 'SUCCEEDED') {
      throw new AwsError('ExecutionNotRedrivable', `Execution is ${execution.status} and cannot be redriven`);
    }
    const last = execution.history.findLast((event) => event.stateEnteredEventDetails)?.stateEnteredEventDetails;
    execution.redriveCount++;
    execution.status = 'RUNNING';
    for (const field of ['stopDate', 'error', 'cause'] as const) delete execution[field];
    this.#record(execution, 'ExecutionRedriven');
    const definition = { ...this.#options.definition, ...(last && { StartAt: last.name }) };
    this.#run(execution, definition, JSON.parse(last?.input ?? execution.input));
    return execution;
  }

  stop(executionArn: string): Execution {
    const execution = this.get(executionArn);
    this.#aborts.get(execution.name)?.();
    // Its tasks' tokens are worth nothing any more.
    for (const { execution: name, settle } of this.#tasks.values()) if (name === execution.name) settle(null);
    return execution;
  }

  get(executionArn: string): Execution {
    const execution = this.#executions.get(executionArn.split(':').pop() ?? '');
    if (execution?.arn !== executionArn) {
      throw new AwsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${executionArn}'`);
    }
    return execution;
  }

  /** Step Functions' API. */
  readonly operations: Record<string, Operation> = {
    'AWSStepFunctions.StartExecution': ({ name = randomUUID(), input = '{}' }) => {
      const { arn, startDate } = this.start(name, input);
      return { executionArn: arn, startDate: seconds(startDate) };
    },
    'AWSStepFunctions.DescribeExecution': ({ executionArn }) => {
      const { arn, history: _, startDate, stopDate, ...rest } = this.get(executionArn);
      const dates = { startDate: seconds(startDate), stopDate: seconds(stopDate) };
      return { executionArn: arn, stateMachineArn: this.#options.stateMachineArn, ...rest, ...dates };
    },
    'AWSStepFunctions.GetExecutionHistory': ({ executionArn, reverseOrder, maxResults = 100, nextToken = '0' }) => {
      const { history } = this.get(executionArn);
      const events = history.map((event) => ({ ...event, timestamp: seconds(event.timestamp) }));
      if (reverseOrder) events.reverse();
      const from = Number(nextToken);
      const to = from + maxResults;
      return { events: events.slice(from, to), ...(to < events.length && { nextToken: String(to) }) };
    },
    'AWSStepFunctions.ListExecutions': ({ statusFilter, maxResults = 100, nextToken = '0' }) => {
      const all = this.executions
        .filter(({ status }) => statusFilter === undefined || status === statusFilter)
        .reverse();
      const from = Number(nextToken);
      const to = from + maxResults;
      const executions = all.slice(from, to).map(({ arn, name, status, startDate, stopDate }) => {
        const dates = { startDate: seconds(startDate), stopDate: seconds(stopDate) };
        return { executionArn: arn, stateMachineArn: this.#options.stateMachineArn, name, status, ...dates };
      });
      return { executions, ...(to < all.length && { nextToken: String(to) }) };
    },
    'AWSStepFunctions.SendTaskSuccess': ({ taskToken, output }) => {
      const task = this.#tasks.get(taskToken);
      if (!task) throw new AwsError('TaskTimedOut', 'Task Timed Out: Provided task does not exist anymore');
      task.settle(JSON.parse(output));
      return {};
    },
    'AWSStepFunctions.StopExecution': ({ executionArn }) => {
      this.stop(executionArn);
      return { stopDate: seconds(Date.now()) };
    },
    'AWSStepFunctions.RedriveExecution': ({ executionArn }) => {
      this.redrive(executionArn);
      return { redriveDate: seconds(Date.now()) };
    },
  };

  /** Stops all that runs, without a word to anybody. */
  async close(): Promise<void> {
    this.#options.onStatusChange = undefined;
    for (const abort of this.#aborts.values()) abort();
    for (const { settle } of this.#tasks.values()) settle(null);
    await Promise.all(this.#runs);
  }

  #run(execution: Execution, definition: Definition, input: Json): void {
    const machine = new StateMachine(definition, { validationOptions: { noValidate: true } });
    const states = Object.entries(definition.States);
    const all = <T>(type: string, value: T) =>
      Object.fromEntries(states.filter(([, state]) => state.Type === type).map(([name]) => [name, value]));
    const { waitMs, retryMs } = this.#options;
    // The interpreter goes on retrying a task that was aborted; its further attempts never begin.
    let aborted = false;
    const unlessAborted = (handler: (parameters: Json) => Promise<Json>) => (parameters: Json) =>
      aborted ? new Promise<Json>(() => {}) : handler(parameters);
    const { abort, result, eventLogs } = machine.run(input, {
      overrides: {
        taskResourceLocalHandlers: Object.fromEntries(
          states
            .filter(([, { Type }]) => Type === 'Task')
            .map(([name, state]) => [name, unlessAborted(this.#handlerOf(state, execution))]),
        ),
        ...(waitMs !== undefined && { waitTimeOverrides: all('Wait', waitMs) }),
        ...(retryMs !== undefined && { retryIntervalOverrides: all('Task', retryMs) }),
      },
      context: { Execution: { Name: execution.name, RedriveCount: execution.redriveCount }, Task: { Token: TOKEN } },
    });
    result.catch(() => undefined);
    this.#aborts.set(execution.name, () => {
      aborted = true;
      abort();
    });
    this.#options.onStatusChange?.(execution);
    const run = this.#follow(execution, eventLogs).finally(() => this.#runs.delete(run));
    this.#runs.add(run);
  }

  /** What runs a Task state, by its resource. */
  #handlerOf(state: Definition['States'][string], execution: Execution): (parameters: Json) => Promise<Json> {
    const { Resource = '', TimeoutSeconds } = state as { Resource?: string; TimeoutSeconds?: number };
    if (Resource.endsWith(':states:::lambda:invoke')) return (parameters) => this.#invoke(parameters);
    if (Resource.endsWith(':states:::aws-sdk:dynamodb:updateItem.waitForTaskToken')) {
      return (parameters) => this.#waitForTaskToken(execution, parameters, (TimeoutSeconds ?? 0) * 1000);
    }
    throw new Error(`The local run does not know the resource ${Resource}`);
  }

  async #invoke(parameters: Json): Promise<Json> {
    const { FunctionName, Payload } = parameters as { FunctionName: string; Payload: Json };
    try {
      const payload = (await this.#options.invoke(FunctionName, Payload)) as Json;
      return { ExecutedVersion: '$LATEST', StatusCode: 200, Payload: payload };
    } catch (error) {
      if (!(error instanceof FunctionError)) throw error;
      // The cause of a function's error is JSON, as on AWS.
      throw named(error.failure.errorType, JSON.stringify(error.failure));
    }
  }

  /** Updates the item, then waits for the token, or for the time to run out. */
  async #waitForTaskToken(execution: Execution, parameters: Json, timeoutMs: number): Promise<Json> {
    const { updateItem, callbackTimeoutMs = timeoutMs } = this.#options;
    if (!updateItem) throw new Error('The template makes no table, but the definition uses one');
    // The interpreter knows one token for a whole execution; each task gets its own, as on AWS.
    const token = randomUUID();
    let settle: (output: Json) => void = () => undefined;
    const woken = new Promise<Json>((resolve) => (settle = resolve));
    this.#tasks.set(token, { execution: execution.name, settle });
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(named('States.Timeout', 'The task ran out of time')), callbackTimeoutMs);
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
      this.#tasks.delete(token);
    }
  }

  async #follow(execution: Execution, events: AsyncGenerator<Logged>): Promise<void> {
    for await (const event of events) {
      switch (event.type) {
        case 'ExecutionStarted':
          if (execution.redriveCount === 0) this.#record(execution, 'ExecutionStarted');
          break;
        case 'StateEntered':
          this.#record(execution, `${event.state.type}StateEntered`, {
            stateEnteredEventDetails: { name: event.state.name, input: JSON.stringify(event.state.input) },
          });
          break;
        case 'StateExited':
          this.#record(execution, `${event.state.type}StateExited`, {
            stateExitedEventDetails: { name: event.state.name, output: JSON.stringify(event.state.output ?? null) },
          });
          break;
        case 'StateFailed':
          this.#record(execution, 'TaskFailed', {
            taskFailedEventDetails: { error: event.Error, cause: String(event.Cause) },
          });
          break;
        case 'ExecutionSucceeded':
          execution.output = JSON.stringify(event.output);
          this.#end(execution, 'SUCCEEDED', 'ExecutionSucceeded');
          break;
        case 'ExecutionFailed':
          execution.error = event.Error;
          execution.cause = String(event.Cause);
          this.#end(execution, 'FAILED', 'ExecutionFailed', {
            executionFailedEventDetails: { error: event.Error, cause: String(event.Cause) },
          });
          break;
        case 'ExecutionAborted':
          this.#end(execution, 'ABORTED', 'ExecutionAborted');
          break;
        case 'ExecutionTimeout':
          this.#end(execution, 'TIMED_OUT', 'ExecutionTimedOut');
          break;
      }
    }
  }

  #end(execution: Execution, status: ExecutionStatus, type: string, details: Partial<HistoryEvent> = {}): void {
    execution.status = status;
    execution.stopDate = Date.now();
    this.#record(execution, type, details);
    this.#options.onStatusChange?.(execution);
  }

  #record(execution: Execution, type: string, details: Partial<HistoryEvent> = {}): void {
    const event = { id: execution.history.length + 1, timestamp: Date.now(), type, ...details };
    execution.history.push(event);
    this.#options.onHistory?.(execution, event);
  }
}

const checked = new WeakSet<Definition>();

/** Refuses a definition that is not valid. Once for each: the check takes longer than all else that an execution takes. */
function check(definition: Definition): void {
  if (checked.has(definition)) return;
  new StateMachine(definition, { validationOptions: { checkArn: false } });
  checked.add(definition);
}

/** An error that a state's Retry and Catch know by this name. */
function named(name: string, cause: string): Error {
  return Object.assign(new Error(cause), { name });
}

/** A time as the API gives it: seconds since the epoch. */
function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
