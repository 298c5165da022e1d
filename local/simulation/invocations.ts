import { AsyncLocalStorage } from 'node:async_hooks';
import type { Context } from 'aws-lambda';
import { FunctionError } from '../lambda.ts';
import type { Clock } from './clock.ts';
import type { Misfortune } from './faults.ts';
import type { DeployedFunction, Handler } from './functions.ts';
import type { WorldEvents } from './world-events.ts';

/** One run of a function. */
export interface Invocation {
  of: DeployedFunction;
  /** What it was invoked with. */
  event: unknown;
  startedAt: number;
  /** Calls that it has made of anything outside. */
  calls: number;
  /** Those of them that are under way. */
  waiting: number;
  /** Nothing that it still does has an effect. */
  over: boolean;
  misfortune: Misfortune['how'] | undefined;
  /** Whether whoever invoked it was told what it returned. */
  answered: boolean;
  fail: (errorType: string) => void;
}

const current = new AsyncLocalStorage<Invocation>();
const NEVER = new Promise<never>(() => undefined);

export interface InvocationsOptions {
  clock: Clock;
  /** The function as it is deployed now. */
  functionAt: (arn: string) => DeployedFunction | undefined;
  /** Milliseconds that the next call takes. */
  latency: () => number;
  misfortunes: Misfortune[];
  /** How many invocations run at once before Lambda throttles. */
  maxConcurrency: number;
  events: WorldEvents;
}

/** Lambda: runs handlers in this process, and can kill one between any two things that it does outside. */
export class Invocations {
  readonly #options: InvocationsOptions;
  readonly #counts = new Map<string, number>();
  /** Execution environments that are in use. */
  readonly #taken = new Set<Handler>();
  running = 0;
  peak = 0;
  /** Invocations that compute, in real time, and so hold up simulated time. */
  #computing = 0;

  constructor(options: InvocationsOptions) {
    this.#options = options;
  }

  get isBusy(): boolean {
    return this.#computing > 0;
  }

  /** The invocation that the code at hand belongs to. */
  static current(): Invocation {
    const invocation = current.getStore();
    if (invocation === undefined) throw new Error('This was not called by a function');
    return invocation;
  }

  /** The environment variables of the code at hand; undefined if it belongs to no invocation. */
  static variables(): Record<string, string> | undefined {
    return current.getStore()?.of.variables;
  }

  /** Invokes a function and waits for what it returns. @throws FunctionError */
  async invoke(arn: string, event: unknown): Promise<unknown> {
    const { clock, functionAt, latency, misfortunes, maxConcurrency } = this.#options;
    const target = functionAt(arn);
    if (target === undefined) throw new Error(`There is no function ${arn}`);
    const nth = (this.#counts.get(target.name) ?? 0) + 1;
    this.#counts.set(target.name, nth);
    const misfortune = misfortunes.find((each) => each.function === target.name && each.invocation === nth)?.how;
    await clock.sleep(latency());
    if (misfortune === 'throttled' || this.running >= maxConcurrency) throw failure('Lambda.TooManyRequestsException');
    this.running++;
    this.peak = Math.max(this.peak, this.running);
    const handler = target.environments.find((each) => !this.#taken.has(each)) ?? target.environments[0];
    if (handler === undefined) throw new Error(`${target.name} has no handler`);
    if (target.environments.length > 1) this.#taken.add(handler);
    try {
      return await this.#run(target, handler, JSON.stringify(event), misfortune);
    } finally {
      this.#taken.delete(handler);
      this.running--;
    }
  }

  /** A call of something outside: takes simulated time, and may be the last thing that the invocation does. */
  async call<T>(effect: () => T | Promise<T>): Promise<T> {
    const invocation = Invocations.current();
    if (invocation.over) return NEVER;
    const number = ++invocation.calls;
    const misfortune = typeof invocation.misfortune === 'object' ? invocation.misfortune : undefined;
    const dies = misfortune !== undefined && 'diesAtCall' in misfortune && misfortune.diesAtCall === number;
    const stalls = misfortune !== undefined && 'stallsAtCall' in misfortune && misfortune.stallsAtCall === number;
    const fails = misfortune !== undefined && 'failsAtCall' in misfortune && misfortune.failsAtCall === number;
    const stallSeconds = dies || stalls || fails ? misfortune.seconds : undefined;
    const latency = stallSeconds === undefined ? this.#options.latency() : stallSeconds * 1000;
    if (invocation.waiting++ === 0) this.#computing--;
    try {
      await this.#options.clock.sleep(latency);
      if (invocation.over) return NEVER;
      if (dies && misfortune.effect === 'not done') return crash(invocation);
      if (fails) throw new Error('socket hang up');
      const result = await effect();
      return dies ? crash(invocation) : invocation.over ? NEVER : result;
    } catch (error) {
      if (dies) return crash(invocation);
      throw error;
    } finally {
      if (--invocation.waiting === 0 && !invocation.over) this.#computing++;
    }
  }

  async #run(
    of: DeployedFunction,
    handler: Handler,
    event: string,
    misfortune: Misfortune['how'] | undefined,
  ): Promise<unknown> {
    const { clock, events } = this.#options;
    const parsed = JSON.parse(event);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const end = (hasThrown: boolean, settle: () => void) => {
      if (invocation.over) return;
      invocation.over = true;
      timer.cancelled = true;
      if (invocation.waiting === 0) this.#computing--;
      events.emit('invocation', of, clock.now - invocation.startedAt, hasThrown, invocation.calls);
      settle();
    };
    const invocation: Invocation = {
      ...{ of, event: parsed, startedAt: clock.now, calls: 0, waiting: 0, over: false, misfortune, answered: false },
      fail: (errorType) => end(true, () => reject(failure(errorType))),
    };
    const timer = clock.after(of.timeoutSeconds * 1000, () => invocation.fail('Sandbox.Timedout'));
    this.#computing++;
    if (typeof misfortune === 'object' && 'diesAtCall' in misfortune && misfortune.diesAtCall === 0)
      invocation.fail('Runtime.ExitError');
    else {
      const context = contextOf(of, clock.now + of.timeoutSeconds * 1000);
      const thrown = ({ name, message }: Error) =>
        reject(new FunctionError({ errorType: name, errorMessage: message, trace: [] }));
      current
        .run(invocation, () => handler(parsed, context))
        .then(
          (result) => end(false, () => resolve(result)),
          (error: Error) => end(true, () => thrown(error)),
        );
    }
    const result = JSON.stringify((await promise) ?? null);
    if (misfortune === 'answer lost') throw failure('Lambda.ServiceException');
    invocation.answered = true;
    return JSON.parse(result);
  }
}

function crash(invocation: Invocation): Promise<never> {
  invocation.fail('Runtime.ExitError');
  return NEVER;
}

function failure(errorType: string): FunctionError {
  return new FunctionError({ errorType, errorMessage: `RequestId: 1 Error: ${errorType}`, trace: [] });
}

function contextOf({ name, arn, memoryMb }: DeployedFunction, deadline: number): Context {
  const context: Partial<Context> = {
    awsRequestId: '00000000-0000-0000-0000-000000000000',
    functionName: name,
    invokedFunctionArn: arn,
    functionVersion: '$LATEST',
    memoryLimitInMB: String(memoryMb),
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  return context as Context;
}
