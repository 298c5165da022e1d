import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { StateMachine } from 'aws-local-stepfunctions';
import { AwsError, type Operation } from './aws-api.ts';
import type { LocalS3 } from './s3.ts';
import { type Definition, type DistributedMap, type Json, prepare } from './step-functions/definition.ts';
import type { Execution, ExecutionStatus, HistoryEvent } from './step-functions/execution.ts';
import { Histories, type HistoryListeners } from './step-functions/history.ts';
import { MapRun } from './step-functions/map-run.ts';
import { operationsOf } from './step-functions/operations.ts';
import { type CallListener, type Services, Tasks, TOKEN, type WaitListener } from './step-functions/tasks.ts';
import { type ExecutionWait, type Pace, paced, Retriers } from './step-functions/waits.ts';
import { ACCOUNT, REGION } from './template.ts';

export type { Execution, ExecutionStatus, ExecutionWait, HistoryEvent, Pace };

/** The state machines there are. */
export interface Machines {
  /** The state machine that `start` means. */
  stateMachineArn: string;
  definition: Definition;
  /** Further state machines, by ARN. @default - none */
  others?: Record<string, Definition> | undefined;
}

export interface StepFunctionsOptions extends Services, Machines, HistoryListeners, Pace {
  /** Where Distributed Maps read their items and write their results. @default - they cannot */
  s3?: LocalS3 | undefined;
  /** Sees each call of another service that an execution of a state machine makes. */
  onCall?: ((stateMachineArn: string, operation: string, input: unknown) => void) | undefined;
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
  readonly #machines = new Map<string, Definition>();
  #stateMachineArn = '';
  readonly #runs = new Map<string, Run>();
  readonly #mapRuns = new Map<string, MapRun>();
  readonly #tasks: Tasks;
  readonly #histories: Histories;

  constructor(options: StepFunctionsOptions) {
    this.#options = options;
    this.#histories = new Histories(options);
    this.deploy(options);
    this.#tasks = new Tasks(options, {
      startOf: (stateMachineArn, name, input) => this.startOf(stateMachineArn, name, input),
      get: (executionArn) => this.get(executionArn),
      redrive: (executionArn) => void this.redrive(executionArn),
      stop: (executionArn) => void this.stop(executionArn),
      ended: (executionArn) => this.#ended(executionArn),
    });
  }

  /** Puts definitions in the place of what there was. Executions that have begun keep theirs, also when redriven. */
  deploy({ stateMachineArn, definition, others }: Machines): void {
    this.#stateMachineArn = stateMachineArn;
    this.#machines.clear();
    for (const [arn, each] of Object.entries({ [stateMachineArn]: definition, ...others })) {
      prepare(each);
      this.#machines.set(arn, each);
    }
  }

  /** Executions of all state machines, and of Map Runs, in the order of their first start. */
  get executions(): Execution[] {
    return Array.from(this.#runs.values(), ({ execution }) => execution);
  }

  /** Starts an execution of the state machine of the options. */
  start(name: string, input: string): Execution {
    return this.startOf(this.#stateMachineArn, name, input);
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
    this.#histories.record(execution, 'ExecutionRedriven');
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
  readonly operations: Record<string, Operation> = operationsOf({
    executions: () => this.executions,
    mapRuns: () => this.#mapRuns,
    stateMachineArns: () => [...this.#machines.keys()],
    definition: (stateMachineArn) => this.#definition(stateMachineArn),
    startOf: (stateMachineArn, name, input) => this.startOf(stateMachineArn, name, input),
    get: (executionArn) => this.get(executionArn),
    stop: (executionArn) => this.stop(executionArn),
    redrive: (executionArn) => this.redrive(executionArn),
    succeed: (taskToken, output) => this.#tasks.succeed(taskToken, output),
  });

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
      waits: [],
    };
    this.#run(execution, definition, undefined, input);
    return execution;
  }

  #run(execution: Execution, whole: Definition, startAt: string | undefined, input: Json): void {
    const prepared = prepare(whole);
    const { definition, states, maps } = prepared;
    const machine = new StateMachine(
      { ...definition, ...(startAt !== undefined && { StartAt: startAt }) },
      { validationOptions: { noValidate: true } },
    );
    const retriers = new Map(states.map(([name, state]) => [name, new Retriers(state, this.#options)]));
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
      const onWait: WaitListener = (kind, askedMs) => {
        const ms = paced(kind, askedMs, this.#options);
        this.#histories.wait(execution, { state: name, kind, ms, askedMs });
        return ms;
      };
      const handler = map
        ? (parameters: Json) => this.#runMap(execution, name, map, parameters, context, signal, onCall)
        : this.#tasks.handlerOf(state, signal, onCall, onWait);
      return async (parameters: Json) => {
        if (signal.aborted) throw new Stopped();
        const outcome = await handler(parameters).catch((error: Error) => error);
        if (signal.aborted) throw new Stopped();
        if (!(outcome instanceof Error)) {
          retriers.get(name)?.succeeded();
          return outcome;
        }
        const next = retriers.get(name)?.failed(outcome);
        if (next) this.#histories.wait(execution, { state: name, kind: 'attempt', ...next });
        throw outcome;
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
        retryIntervalOverrides: Object.fromEntries(Array.from(retriers, ([name, { delays }]) => [name, delays])),
      },
      context,
    });
    result.catch(() => undefined);
    run.abort = () => {
      stopped.abort();
      abort();
    };
    // Whatever ends it, nothing that it waits for goes on.
    run.ended = this.#histories.follow(execution, eventLogs, prepared).finally(() => stopped.abort());
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
}

/** Ends a task of an execution that was stopped: the interpreter would retry or catch any other error. */
class Stopped extends Error {
  readonly isRetryable = false;
  readonly isCatchable = false;
}
