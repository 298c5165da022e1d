import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { StateMachine } from 'aws-local-stepfunctions';
import { AwsError, type Operation } from './aws-api.ts';
import type { LocalS3 } from './s3.ts';
import { type Definition, type DistributedMap, type Json, prepare } from './step-functions/definition.ts';
import { type Execution, type ExecutionStatus, type HistoryEvent, seconds } from './step-functions/execution.ts';
import { MapRun } from './step-functions/map-run.ts';
import { type CallListener, type Services, Tasks, TOKEN } from './step-functions/tasks.ts';
import { ACCOUNT, REGION } from './template.ts';

export type { Execution, ExecutionStatus, HistoryEvent };

type Logged = ReturnType<StateMachine['run']>['eventLogs'] extends AsyncGenerator<infer E> ? E : never;

export interface StepFunctionsOptions extends Services {
  /** The state machine that `start` means. */
  stateMachineArn: string;
  definition: Definition;
  /** Further state machines, by ARN. @default - none */
  others?: Record<string, Definition> | undefined;
  /** Where Distributed Maps read their items and write their results. @default - they cannot */
  s3?: LocalS3 | undefined;
  /** Sees each call of another service that an execution of a state machine makes. */
  onCall?: ((stateMachineArn: string, operation: string, input: unknown) => void) | undefined;
  /** Called after each event of each execution. */
  onHistory?: ((execution: Execution, event: HistoryEvent) => void) | undefined;
  /** Called when an execution's status changes, as EventBridge is told. */
  onStatusChange?: ((execution: Execution) => void) | undefined;
  /**
   * Waits of this many milliseconds in place of those of Wait states, and of those for which Check status asks.
   * @default - the definition's own
   */
  waitMs?: number | undefined;
  /** Waits of this many milliseconds in place of those of all other retriers. @default - the definition's own */
  retryMs?: number | undefined;
}

/** An execution and what runs it. */
interface Run {
  execution: Execution;
  definition: Definition;
  abort: () => void;
  ended: Promise<void>;
}

/**
 * Step Functions' Standard workflows: runs the very definitions of the template in an interpreter. What the interpreter
 * lacks is added: nested executions, and Distributed Maps, which a redrive begins anew.
 */
export class LocalStepFunctions {
  readonly #options: StepFunctionsOptions;
  readonly #machines: Map<string, Definition>;
  readonly #runs = new Map<string, Run>();
  readonly #mapRuns = new Map<string, MapRun>();
  readonly #tasks: Tasks;

  constructor(options: StepFunctionsOptions) {
    this.#options = options;
    this.#machines = new Map(Object.entries({ [options.stateMachineArn]: options.definition, ...options.others }));
    this.#tasks = new Tasks(options, {
      startOf: (stateMachineArn, name, input) => this.startOf(stateMachineArn, name, input),
      get: (executionArn) => this.get(executionArn),
      redrive: (executionArn) => void this.redrive(executionArn),
      stop: (executionArn) => void this.stop(executionArn),
      ended: (executionArn) => this.#ended(executionArn),
    });
    for (const definition of this.#machines.values()) prepare(definition);
  }

  /** Executions of all state machines, and of Map Runs, in the order of their first start. */
  get executions(): Execution[] {
    return Array.from(this.#runs.values(), ({ execution }) => execution);
  }

  /** Starts an execution of the state machine of the options. */
  start(name: string, input: string): Execution {
    return this.startOf(this.#options.stateMachineArn, name, input);
  }

  /** The same name twice is the same execution while it runs with the same input; otherwise it is refused. */
  startOf(stateMachineArn: string, name: string, input: string): Execution {
    const definition = this.#definition(stateMachineArn);
    if (prepare(definition).usesJsonata) throw new Error(`The local run does not know JSONata: ${stateMachineArn}`);
    const arn = `arn:aws:states:${REGION}:${ACCOUNT}:execution:${stateMachineArn.split(':').pop()}:${name}`;
    const existing = this.#runs.get(arn)?.execution;
    if (existing) {
      if (existing.status === 'RUNNING' && isDeepStrictEqual(JSON.parse(existing.input), JSON.parse(input)))
        return existing;
      throw new AwsError('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
    }
    if (!/^[^\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}]{1,80}$/u.test(name))
      throw new AwsError('InvalidName', `Invalid Name: '${name}'`);
    return this.#begin({ arn, stateMachineArn, name, input }, definition);
  }

  /** Restarts a failed execution at the state that failed, with the input that it had then. */
  redrive(executionArn: string): Execution {
    const { execution, definition } = this.#find(executionArn);
    if (execution.status === 'RUNNING' || execution.status === 'SUCCEEDED') {
      throw new AwsError('ExecutionNotRedrivable', `Execution is ${execution.status} and cannot be redriven`);
    }
    const last = execution.history.findLast(
      // States of a branch or of an inline Map cannot be started at.
      ({ stateEnteredEventDetails: entered }) => entered && entered.name in definition.States,
    )?.stateEnteredEventDetails;
    execution.redriveCount++;
    execution.status = 'RUNNING';
    for (const field of ['stopDate', 'error', 'cause'] as const) delete execution[field];
    this.#record(execution, 'ExecutionRedriven');
    this.#run(execution, definition, last?.name, JSON.parse(last?.input ?? execution.input));
    return execution;
  }

  /** Stops an execution, and what it waits for: nested executions, and the children of Map Runs. */
  stop(executionArn: string): Execution {
    const { execution, abort } = this.#find(executionArn);
    abort();
    return execution;
  }

  get(executionArn: string): Execution {
    return this.#find(executionArn).execution;
  }

  /** Step Functions' API. */
  readonly operations: Record<string, Operation> = {
    'AWSStepFunctions.StartExecution': ({ stateMachineArn, name = randomUUID(), input = '{}' }) => {
      const { arn, startDate } = this.startOf(stateMachineArn, name, input);
      return { executionArn: arn, startDate: seconds(startDate) };
    },
    'AWSStepFunctions.DescribeExecution': ({ executionArn }) => {
      const { arn, history: _, startDate, stopDate, ...rest } = this.get(executionArn);
      const dates = { startDate: seconds(startDate), stopDate: seconds(stopDate) };
      return { executionArn: arn, ...rest, ...dates };
    },
    'AWSStepFunctions.GetExecutionHistory': ({ executionArn, reverseOrder, maxResults = 100, nextToken }) => {
      const { history } = this.get(executionArn);
      const events = history.map((event) => ({ ...event, timestamp: seconds(event.timestamp) }));
      if (reverseOrder) events.reverse();
      return page('events', events, maxResults, nextToken);
    },
    'AWSStepFunctions.ListExecutions': ({ stateMachineArn, mapRunArn, statusFilter, maxResults = 100, nextToken }) => {
      if (mapRunArn === undefined) this.#definition(stateMachineArn);
      const executions = this.executions
        .filter((each) => (mapRunArn ? each.mapRunArn === mapRunArn : each.stateMachineArn === stateMachineArn))
        .filter(({ status }) => statusFilter === undefined || status === statusFilter)
        .reverse()
        .map(({ arn, stateMachineArn, mapRunArn, name, status, startDate, stopDate }) => {
          const dates = { startDate: seconds(startDate), stopDate: seconds(stopDate) };
          return { executionArn: arn, stateMachineArn, mapRunArn, name, status, ...dates };
        });
      return page('executions', executions, maxResults, nextToken);
    },
    'AWSStepFunctions.ListMapRuns': ({ executionArn, maxResults = 100, nextToken }) => {
      this.get(executionArn);
      const mapRuns = [...this.#mapRuns.values()].filter((each) => each.executionArn === executionArn);
      return page('mapRuns', mapRuns.map(({ listed }) => listed).reverse(), maxResults, nextToken);
    },
    'AWSStepFunctions.DescribeMapRun': ({ mapRunArn }) => {
      const mapRun = this.#mapRuns.get(mapRunArn);
      if (!mapRun) throw new AwsError('ResourceNotFound', `Resource not found: '${mapRunArn}'`);
      return mapRun.describe();
    },
    'AWSStepFunctions.SendTaskSuccess': ({ taskToken, output }) => {
      this.#tasks.succeed(taskToken, JSON.parse(output));
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
    for (const { abort } of this.#runs.values()) abort();
    await Promise.all(Array.from(this.#runs.values(), ({ ended }) => ended));
  }

  #definition(stateMachineArn: string): Definition {
    const definition = this.#machines.get(stateMachineArn);
    if (definition) return definition;
    throw new AwsError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${stateMachineArn}'`);
  }

  #find(executionArn: string): Run {
    const run = this.#runs.get(executionArn);
    if (run) return run;
    throw new AwsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${executionArn}'`);
  }

  #ended(executionArn: string): Promise<void> {
    return this.#find(executionArn).ended;
  }

  #begin(
    identity: Pick<Execution, 'arn' | 'stateMachineArn' | 'name' | 'input' | 'mapRunArn'>,
    definition: Definition,
  ): Execution {
    const input = JSON.parse(identity.input);
    const execution: Execution = {
      ...identity,
      status: 'RUNNING',
      startDate: Date.now(),
      redriveCount: 0,
      history: [],
    };
    this.#run(execution, definition, undefined, input);
    return execution;
  }

  #run(execution: Execution, whole: Definition, startAt: string | undefined, input: Json): void {
    const { definition, states, maps } = prepare(whole);
    const machine = new StateMachine(
      { ...definition, ...(startAt !== undefined && { StartAt: startAt }) },
      { validationOptions: { noValidate: true } },
    );
    const { waitMs, retryMs } = this.#options;
    const waits = states.filter(([, { Type }]) => Type === 'Wait');
    const retriers = states.map(([name, state]) => [name, 'Retry' in state ? (state.Retry ?? []) : []] as const);
    const tasks = states.filter(([, { Type }]) => Type === 'Task');
    const stopped = new AbortController();
    const { signal } = stopped;
    // A child of a Map Run does what it does as the state machine that the Map state is in.
    const [machineArn = ''] = execution.stateMachineArn.split('/');
    const onCall: CallListener = (operation, call) => this.#options.onCall?.(machineArn, operation, call);
    const context = {
      Execution: { Id: execution.arn, Name: execution.name, RedriveCount: execution.redriveCount },
      StateMachine: { Id: execution.stateMachineArn, Name: execution.stateMachineArn.split(':').pop() },
      Task: { Token: TOKEN },
    };
    const handlerOf = (name: string, state: Definition['States'][string]) => {
      const map = maps.get(name);
      const handler = map
        ? (parameters: Json) => this.#runMap(execution, name, map, parameters, context, signal, onCall)
        : this.#tasks.handlerOf(state, signal, onCall);
      return async (parameters: Json) => {
        if (signal.aborted) throw new Stopped();
        const outcome = await handler(parameters).catch((error: Error) => error);
        if (signal.aborted) throw new Stopped();
        if (outcome instanceof Error) throw outcome;
        return outcome;
      };
    };
    // Its first task begins at once, and may start another execution.
    const run: Run = { execution, definition: whole, abort: () => stopped.abort(), ended: Promise.resolve() };
    this.#runs.set(execution.arn, run);
    this.#options.onStatusChange?.(execution);
    const { abort, result, eventLogs } = machine.run(input, {
      overrides: {
        taskResourceLocalHandlers: Object.fromEntries(
          tasks.map(([name, state]) => [name, handlerOf(name, state)] as const),
        ),
        ...(waitMs !== undefined && { waitTimeOverrides: Object.fromEntries(waits.map(([name]) => [name, waitMs])) }),
        // Where it is negative, the definition's own.
        retryIntervalOverrides: Object.fromEntries(
          retriers.map(([name, each]) => [name, each.map(() => retryMs ?? -1)]),
        ),
      },
      context,
    });
    result.catch(() => undefined);
    run.abort = () => {
      stopped.abort();
      abort();
    };
    // Whatever ends it, nothing that it waits for goes on.
    run.ended = this.#follow(execution, eventLogs, maps).finally(() => stopped.abort());
  }

  #runMap(
    parent: Execution,
    stateName: string,
    map: DistributedMap,
    parameters: Json,
    context: Record<string, unknown>,
    signal: AbortSignal,
    onCall: CallListener,
  ): Promise<Json> {
    const { Label = stateName.replace(/[^\w-]/g, '').slice(0, 40), ItemProcessor } = map;
    const stateMachineArn = `${parent.stateMachineArn}/${Label}`;
    const [machine] = stateMachineArn.split(':').slice(-1);
    const mapRunArn = `arn:aws:states:${REGION}:${ACCOUNT}:mapRun:${machine}:${randomUUID()}`;
    const mapRun = new MapRun({
      arn: mapRunArn,
      executionArn: parent.arn,
      stateMachineArn: parent.stateMachineArn,
      map,
      parameters,
      context,
      s3: this.#options.s3,
      onCall,
      start: (input) => {
        const name = randomUUID();
        const arn = `arn:aws:states:${REGION}:${ACCOUNT}:execution:${machine}:${name}`;
        return this.#begin({ arn, stateMachineArn, name, input, mapRunArn }, ItemProcessor);
      },
      ended: (executionArn) => this.#ended(executionArn),
      stop: (executionArn) => void this.stop(executionArn),
      signal,
    });
    this.#mapRuns.set(mapRunArn, mapRun);
    return mapRun.run();
  }

  async #follow(execution: Execution, events: AsyncGenerator<Logged>, maps: Map<string, unknown>): Promise<void> {
    // A Distributed Map runs as a task, and shows as what it is.
    const typeOf = ({ name, type }: { name: string; type: string }) => (maps.has(name) ? 'Map' : type);
    for await (const event of events) {
      switch (event.type) {
        case 'ExecutionStarted':
          if (execution.redriveCount === 0) this.#record(execution, 'ExecutionStarted');
          break;
        case 'StateEntered':
          this.#record(execution, `${typeOf(event.state)}StateEntered`, {
            stateEnteredEventDetails: { name: event.state.name, input: JSON.stringify(event.state.input) },
          });
          break;
        case 'StateExited':
          this.#record(execution, `${typeOf(event.state)}StateExited`, {
            stateExitedEventDetails: { name: event.state.name, output: JSON.stringify(event.state.output ?? null) },
          });
          break;
        case 'StateFailed':
          if (typeOf(event.state) !== 'Task') break;
          this.#record(execution, 'TaskFailed', {
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
    this.#record(execution, type, details);
    this.#options.onStatusChange?.(execution);
  }

  #record(execution: Execution, type: string, details: Partial<HistoryEvent> = {}): void {
    const event = { id: execution.history.length + 1, timestamp: Date.now(), type, ...details };
    execution.history.push(event);
    this.#options.onHistory?.(execution, event);
  }
}

/** Ends a task of an execution that was stopped: the interpreter would retry or catch any other error. */
class Stopped extends Error {
  readonly isRetryable = false;
  readonly isCatchable = false;
}

/** A page of a list, as the API gives it. */
function page<T>(name: string, all: T[], maxResults: number, nextToken = '0'): Record<string, T[] | string> {
  const from = Number(nextToken);
  const to = from + maxResults;
  return { [name]: all.slice(from, to), ...(to < all.length && { nextToken: String(to) }) };
}
