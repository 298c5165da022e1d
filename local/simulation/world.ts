import https from 'node:https';
import timers from 'node:timers/promises';
import { PAUSE_FILE } from '../../functions/spending/pause-file.ts';
import { objectCreated, statusChange } from '../events.ts';
import { type ObjectCreated, Store } from '../s3/store.ts';
import type { Execution, LocalStepFunctions } from '../step-functions.ts';
import { connect } from './aws-clients.ts';
import { Clock } from './clock.ts';
import type { Deployment } from './deployment.ts';
import { EventSources } from './event-sources.ts';
import { AwsFaults, type Faults } from './faults.ts';
import { installVariables } from './functions.ts';
import { SimulatedGateway } from './gateway.ts';
import type { GatewayPlan } from './gateway-plan.ts';
import { Invocations } from './invocations.ts';
import { luck } from './luck.ts';
import { Messages } from './messages.ts';
import { Objects } from './objects.ts';
import { type RegionQuotas, TokenBucket } from './quotas.ts';
import { replace } from './replace.ts';
import { requestOn } from './requests.ts';
import { Schedule } from './schedule.ts';
import { stateMachineOf } from './state-machine.ts';
import { Table } from './table.ts';
import { WorldEvents } from './world-events.ts';

/** How long things take, in milliseconds. */
export interface Pace {
  /** A call of AWS, or the way to a function, by a random number in [0, 1). */
  callMs: (random: number) => number;
  /** A call that the state machine itself makes. @default - as any other */
  integrationMs?: number;
  /** What a request to the gateway takes besides. @default 0 */
  requestMs?: number;
  /** What a download takes besides. @default 0 */
  downloadMs?: number;
}

export interface WorldOptions {
  pace: Pace;
  /** Decides latencies and the jitter of retries. @default 1 */
  seed?: number;
  /** Whether the uploads bucket has versions. @default true */
  versioned?: boolean;
  /** What AWS allows. @default - as much as is asked for */
  quotas?: RegionQuotas | undefined;
  /** @default - all goes well */
  gateway?: GatewayPlan;
  /** @default - none */
  faults?: Faults;
  /** In the secret, and good at the gateway. @default 'simulated-key' */
  apiKey?: string;
}

export interface Upload {
  key: string;
  versionId: string | undefined;
  etag: string;
  at: number;
}

/** How long an event takes to arrive, in seconds. */
export const EVENT_SECONDS = 0.5;

/**
 * A deployment in simulated time, with its real functions and its real state machine, which runs until nothing is left
 * to happen. What happens in it can be listened to.
 */
export class World extends WorldEvents {
  readonly clock = new Clock();
  readonly uploads: Upload[] = [];
  readonly store: Store;
  readonly gateway: SimulatedGateway;
  readonly invocations: Invocations;
  /** Dead letters that a person moved back. */
  movedBack = 0;
  #deployment: Deployment;
  readonly #options: WorldOptions;
  readonly #luck: () => number;
  readonly #faults: AwsFaults;
  readonly #table = new Table((item) => this.emit('item', item));
  readonly #messages: Messages;
  readonly #schedule: Schedule;
  readonly #stepFunctions: LocalStepFunctions | undefined;
  #apiKey: string;
  #uploadEvents = 0;
  #failureEvents = 0;

  constructor(deployment: Deployment, options: WorldOptions) {
    super();
    const { pace, quotas, faults, gateway: plan = {}, seed = 1, versioned = true, apiKey = 'simulated-key' } = options;
    const { clock } = this;
    const { uploadsBucket, resultsBucket, gatewayUrl: url } = deployment;
    this.#deployment = deployment;
    this.#options = options;
    this.#apiKey = apiKey;
    this.#luck = luck(seed);
    this.#faults = new AwsFaults(faults?.awsFaults);
    const latency = () => pace.callMs(this.#luck());
    const buckets = { [uploadsBucket]: { versioned }, [resultsBucket]: { versioned: true } };
    this.#table.names = new Set(deployment.tables);
    this.store = new Store(buckets, (object) => this.#written(object));
    this.invocations = new Invocations({
      ...{ clock, latency, events: this },
      functionAt: (arn) => this.#deployment.functions.find((each) => each.arn === arn),
      misfortunes: faults?.misfortunes ?? [],
      maxConcurrency: quotas?.lambdaConcurrency ?? Number.POSITIVE_INFINITY,
    });
    this.gateway = new SimulatedGateway({
      ...{ clock, url, apiKey, plan, store: this.store, events: this },
      ...{ requestMs: pace.requestMs ?? 0, downloadMs: pace.downloadMs ?? 0 },
      callBack: (callbackUrl, body) => this.#callBack(callbackUrl, body),
    });
    this.#messages = new Messages(deployment, this.invocations, this, new EventSources(clock));
    this.#schedule = new Schedule(
      clock,
      () => this.#isPaused,
      () => this.#runSchedules(),
    );
    this.#stepFunctions = stateMachineOf(deployment, {
      ...{ clock, invocations: this.invocations, table: this.#table, faults: this.#faults, events: this },
      latency: () => pace.integrationMs ?? latency(),
      quota: quotas?.stateTransitions,
      onStatusChange: (execution) => this.#changed(execution),
    });
  }

  get executions(): Execution[] {
    return this.#stepFunctions?.executions ?? [];
  }

  get isPaused(): boolean {
    return this.store.keys(this.#deployment.resultsBucket, PAUSE_FILE).length > 0;
  }

  /** Uploads whose executions have not been started. */
  get waiting(): number {
    return this.#messages.waitingIn('IntakeQueue');
  }

  /** Has something happen in so many seconds. */
  at(seconds: number, action: () => void): void {
    this.clock.after(seconds * 1000, action);
  }

  upload(key: string, body: Buffer, metadata: Record<string, string> = {}): Upload {
    const description = { body, contentType: 'application/octet-stream', metadata, headers: {} };
    const { etag, versionId } = this.store.write(this.#deployment.uploadsBucket, key, description, 'PutObject');
    const upload = { key, etag, versionId, at: this.clock.now };
    this.uploads.push(upload);
    return upload;
  }

  /** Starts an execution, as another workflow does. */
  start(name: string, input: unknown): void {
    this.#stepFunctions?.start(name, JSON.stringify(input));
  }

  /** Deletes an upload. */
  remove(key: string): void {
    this.store.remove(this.#deployment.uploadsBucket, key);
  }

  /** Deletes a version of an upload for good: the nth from the newest, which is 0. @returns its id, if there is one */
  purge(key: string, nth: number): string | undefined {
    const { uploadsBucket } = this.#deployment;
    const versionId = this.store.versions(uploadsBucket, key).toReversed()[nth]?.versionId;
    if (versionId !== undefined) this.store.remove(uploadsBucket, key, { versionId });
    return versionId;
  }

  /** Deploys again, with other settings: executions that have begun keep their definition. Uploads go on as they did. */
  deploy(next: Deployment): void {
    const { stateMachineArn, definition } = next;
    this.#deployment = next;
    if (definition !== undefined) this.#stepFunctions?.deploy({ stateMachineArn, definition });
    this.#table.names = new Set(next.tables);
  }

  /** The gateway and the secret get a new key. */
  rotateKey(key: string): void {
    this.#apiKey = key;
    this.gateway.apiKey = key;
  }

  redriveFailed(): void {
    for (const { arn } of this.executions.filter(hasFailed)) this.#stepFunctions?.redrive(arn);
  }

  /** Runs until nothing is left to happen, dead letters included. */
  async run(): Promise<void> {
    const restore = this.#install();
    try {
      await this.clock.run(() => this.invocations.isBusy);
      this.movedBack += this.#messages.moveDeadLettersBack();
      await this.clock.run(() => this.invocations.isBusy);
    } finally {
      for (const each of restore) each();
    }
  }

  /** Puts simulated time and services in place of the real ones. @returns what puts the real ones back */
  #install(): (() => void)[] {
    const { clock, invocations } = this;
    const { quotas } = this.#options;
    const starts = quotas && new TokenBucket(clock, quotas.startExecution);
    const log = (text: string | Uint8Array) => this.emit('log', text) || true;
    const fetch = (url: string, init: RequestInit) => invocations.call(() => this.gateway.fetch(url, init));
    return [
      clock.install(),
      installVariables(Invocations.variables),
      connect({
        ...{ invocations, objects: new Objects(this.store), table: this.#table, faults: this.#faults },
        messages: this.#messages,
        stepFunctions: this.#stepFunctions?.operations ?? {},
        secret: () => this.#apiKey,
        isThrottled: (operation) => operation === 'StartExecution' && starts?.take() === false,
        pause: (ms) => clock.sleep(ms * this.#luck()),
        onCall: (operation) => this.emit('call', operation),
      }),
      replace(globalThis, 'fetch', fetch),
      replace(https, 'request', requestOn(fetch)),
      // What a function sleeps by: time passes for it as for a call that it waits for.
      replace(timers, 'setTimeout', (ms: number) => invocations.call(() => clock.sleep(ms))),
      replace(Math, 'random', this.#luck),
      // The interpreter makes errors that nobody sees; their stacks would take most of its time.
      replace(Error, 'stackTraceLimit', 0),
      replace(process.stdout, 'write', log),
      replace(process.stderr, 'write', log),
    ];
  }

  #written(object: ObjectCreated): void {
    if (object.bucket === this.#deployment.resultsBucket) {
      this.#schedule.wake();
      return void this.emit('result', object.key);
    }
    this.#announce(objectCreated(object), this.#options.faults?.events?.[this.#uploadEvents++]);
  }

  /** Whether uploads are held back, or not let through yet: otherwise the schedule's function finds nothing to do. */
  get #isPaused(): boolean {
    return this.isPaused || !this.#messages.eventSources.areAllEnabled;
  }

  async #runSchedules(): Promise<void> {
    for (const arn of this.#deployment.scheduled) await this.invocations.invoke(arn, {}).catch(() => undefined);
  }

  #changed(execution: Execution): void {
    if (!hasFailed(execution)) return;
    const copies = this.#options.faults?.failureEvents?.[this.#failureEvents++];
    this.#announce(statusChange(execution, execution.stateMachineArn), copies);
  }

  /** Every event arrives at least once, and perhaps late, twice or after a later one. */
  #announce(event: Parameters<Messages['put']>[0], copies = [EVENT_SECONDS]): void {
    for (const seconds of copies) this.at(seconds, () => this.#messages.put(event));
  }

  /** A request to the function URL. @returns the status of Lambda's answer */
  async #callBack(url: string, body: string | undefined): Promise<number> {
    const { pathname: rawPath } = new URL(url);
    const event = { version: '2.0', rawPath, requestContext: { http: { method: 'POST', path: rawPath } } };
    try {
      const answer = await this.invocations.invoke(this.#deployment.callbackArn ?? '', {
        ...event,
        ...(body !== undefined && { body, isBase64Encoded: false }),
      });
      return (answer as { statusCode: number }).statusCode;
    } catch (error) {
      return (error as Error).name === 'Lambda.TooManyRequestsException' ? 429 : 502;
    }
  }
}

function hasFailed({ status }: Execution): boolean {
  return status !== 'RUNNING' && status !== 'SUCCEEDED';
}
