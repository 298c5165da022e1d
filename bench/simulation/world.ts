import https from 'node:https';
import timers from 'node:timers/promises';
import type { UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import { objectCreated } from '../../local/events.ts';
import { LocalQueue } from '../../local/queue.ts';
import { Store } from '../../local/s3/store.ts';
import { LocalStepFunctions } from '../../local/step-functions.ts';
import { AwsFaults, connect } from '../../test/simulation/aws-clients.ts';
import { Clock } from '../../test/simulation/clock.ts';
import { Gateway } from '../../test/simulation/gateway.ts';
import { Invocations } from '../../test/simulation/invocations.ts';
import { luck } from '../../test/simulation/luck.ts';
import { Objects } from '../../test/simulation/objects.ts';
import { cutoutOf, picture } from '../../test/simulation/pictures.ts';
import { type RegionQuotas, TokenBucket } from '../../test/simulation/quotas.ts';
import { requestOn } from '../../test/simulation/requests.ts';
import { Table } from '../../test/simulation/table.ts';
import { CPU_MS, Meters } from './meters.ts';
import type { Queue, Site, System } from './system.ts';

const API_KEY = 'simulated-key';
/** Where the simulated gateway's results lie. */
const CDN = 'https://pub-0123456789abcdef.r2.dev';
/** From the upload to the event's arrival, in milliseconds. */
const EVENT_MS = 500;
/** What a call of AWS takes, and how much more a request to the gateway and a download take, in milliseconds. */
const CALL_MS = { least: 15, most: 45 };
const GATEWAY_MS = 200;
const DOWNLOAD_MS = 300;

/** What the times and the billed durations rest on. */
export const ASSUMPTIONS =
  `an event arrives after ${EVENT_MS} ms, a call of AWS takes ${CALL_MS.least} to ${CALL_MS.most} ms, a request to the gateway ` +
  `${GATEWAY_MS} ms more, a download ${DOWNLOAD_MS} ms more; an invocation has ${CPU_MS} ms of CPU time, and no cold start`;

/** An image that is dropped so many seconds after the start, and how long its removal takes at the gateway. */
export interface Upload {
  at: number;
  jobSeconds: number;
}

export interface WorldOptions {
  /** What AWS allows. @default - as much as is asked for */
  quotas?: RegionQuotas;
  /** Requests that the gateway allows each second; it answers the others with 429. @default - as many as come */
  gatewayPerSecond?: number | undefined;
}

/** A result that was stored. */
export interface Delivered {
  /** From the upload to the stored cutout. */
  secondsFromUpload: number;
  /** From the job's end at the gateway to the stored cutout. */
  secondsFromEnd: number;
}

/** A system at work in simulated time: its real handlers, its real definition, and simulated services. */
export class World {
  readonly clock = new Clock();
  readonly meters = new Meters();
  readonly gateway: Gateway;
  readonly invocations: Invocations;
  /** Undefined where there is no state machine. */
  readonly stepFunctions: LocalStepFunctions | undefined;
  /** When states were entered. */
  readonly transitions: number[] = [];
  /** Requests that the gateway refused because there were too many. */
  refused = 0;
  /** When requests came to the gateway, refused ones included. */
  readonly requests: number[] = [];
  readonly #system: System;
  readonly #site: Site;
  readonly #store: Store;
  readonly #table = new MeteredTable(this.meters);
  readonly #storedAt = new Map<string, number>();
  readonly #luck = luck(1);
  readonly #starts: TokenBucket | undefined;
  readonly #gatewayRate: TokenBucket | undefined;
  readonly #jobs: { outcome: 'COMPLETED'; seconds: number }[] = [];
  readonly #uploads = new Map<string, { etag: string; at: number }>();
  #queue: LocalQueue | undefined;

  constructor(system: System, site: Site, { quotas, gatewayPerSecond }: WorldOptions = {}) {
    this.#system = system;
    this.#site = site;
    const { clock, meters } = this;
    this.#starts = quotas && new TokenBucket(clock, quotas.startExecution);
    const rate = gatewayPerSecond && { bucket: gatewayPerSecond, refillPerSecond: gatewayPerSecond };
    this.#gatewayRate = rate ? new TokenBucket(clock, rate) : undefined;
    const buckets = { [site.uploadsBucket]: { versioned: true }, [site.resultsBucket]: { versioned: true } };
    this.#store = new Store(buckets, (object) => {
      if (object.bucket === site.resultsBucket) this.#storedAt.set(object.key, clock.now);
      else clock.after(EVENT_MS, () => this.#announce(JSON.stringify(objectCreated(object))));
    });
    this.invocations = new Invocations({
      clock,
      functions: system.functions.map((each) => ({
        ...each,
        environments: each.environments.map((handler) => async (event: unknown, context) => {
          const startedAt = clock.now;
          let hasThrown = true;
          try {
            const output = await handler(event, context);
            hasThrown = false;
            return output;
          } finally {
            meters.invoked(each, clock.now - startedAt, hasThrown);
          }
        }),
      })),
      latency: () => CALL_MS.least + (CALL_MS.most - CALL_MS.least) * this.#luck(),
      misfortunes: [],
      maxConcurrency: quotas?.lambdaConcurrency ?? Number.POSITIVE_INFINITY,
    });
    this.gateway = new Gateway({
      ...{ clock, url: site.gatewayUrl, store: this.#store, apiKey: () => API_KEY },
      schedule: { submissions: [], jobs: this.#jobs, polls: [], downloads: [] },
      callBack: (url, body) => this.#callBack(url, body),
    });
    this.stepFunctions = system.definition && this.#makeStepFunctions(system.definition, quotas);
  }

  /**
   * Drops the images and runs until nothing is left to happen.
   *
   * @returns what came of those that were delivered, and right
   */
  async run(uploads: Upload[]): Promise<Delivered[]> {
    const restore = this.#install();
    try {
      for (const [n, { at, jobSeconds }] of uploads.entries()) {
        this.#jobs.push({ outcome: 'COMPLETED', seconds: jobSeconds });
        this.clock.after(at * 1000, () => this.#upload(`${n}.jpg`));
      }
      await this.clock.run(() => this.invocations.isBusy);
    } finally {
      restore();
    }
    // The gateway has fetched each image, by the presigned URL.
    for (const _ of this.gateway.jobs) this.meters.s3('GetObject');
    return this.#delivered();
  }

  /** Pictures that arrived as cutouts of what was uploaded. */
  #delivered(): Delivered[] {
    const endOf = new Map<string, number>();
    for (const { imageUrl, acceptedAt, seconds } of this.gateway.jobs.values())
      endOf.set(decodeURIComponent(new URL(imageUrl).pathname.slice(1)), acceptedAt + seconds * 1000);
    return [...this.#uploads].flatMap(([key, { etag, at }]) => {
      const storedAt = this.#storedAt.get(`${key}.png`);
      if (storedAt === undefined) return [];
      const { body } = this.#store.read(this.#site.resultsBucket, `${key}.png`);
      if (!body.equals(cutoutOf(etag))) return [];
      const since = (from: number) => (storedAt - from) / 1000;
      return [{ secondsFromUpload: since(at), secondsFromEnd: since(endOf.get(key) ?? Number.NaN) }];
    });
  }

  #upload(key: string): void {
    const content = { body: picture(key), contentType: 'image/png', metadata: {}, headers: {} };
    const { etag } = this.#store.write(this.#site.uploadsBucket, key, content, 'PutObject');
    this.#uploads.set(key, { etag, at: this.clock.now });
  }

  #announce(event: string): void {
    const { functionArn, queue } = this.#system.intake;
    this.meters.events++;
    if (queue === undefined) return void this.invocations.invoke(functionArn, JSON.parse(event));
    this.#queue ??= this.#makeQueue(functionArn, queue);
    this.meters.sqsRequests++;
    this.#queue.send(event);
  }

  #makeQueue(functionArn: string, { batchSize, maxConcurrency, visibilityMs }: Queue): LocalQueue {
    const queue = new LocalQueue({ arn: 'arn:aws:sqs:us-east-1::uploads', visibilityMs });
    const invoke = (event: unknown) => {
      // Received, and deleted afterwards.
      this.meters.sqsRequests += 2;
      return this.invocations.invoke(functionArn, event);
    };
    queue.consume({ invoke, batchSize, maxConcurrency });
    return queue;
  }

  #makeStepFunctions(
    definition: NonNullable<System['definition']>,
    quotas: RegionQuotas | undefined,
  ): LocalStepFunctions {
    const bucket = quotas && new TokenBucket(this.clock, quotas.stateTransitions);
    return new LocalStepFunctions({
      stateMachineArn: this.#site.stateMachineArn,
      definition,
      invoke: async (arn, event) => {
        this.meters.tasks++;
        await this.#transition(bucket);
        return this.invocations.invoke(arn, event);
      },
      updateItem: async (input) => {
        this.meters.tasks++;
        await this.#transition(bucket);
        await this.clock.sleep(CALL_MS.least);
        return this.#table.update(input as UpdateItemCommandInput);
      },
      onHistory: (_, event) => {
        const isTask = event.type === 'TaskStateEntered';
        if (event.stateEnteredEventDetails !== undefined && !isTask) void this.#transition(bucket);
      },
    });
  }

  /** A state is entered, or retried; Step Functions lets an account that is past its quota wait, in turn. */
  async #transition(quota: TokenBucket | undefined): Promise<void> {
    this.meters.transitions++;
    quota?.owe();
    const waitMs = quota?.debtMs ?? 0;
    if (waitMs > 0) await this.clock.sleep(waitMs);
    this.transitions.push(this.clock.now);
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    if (new URL(url).origin !== this.#site.gatewayUrl) {
      await this.clock.sleep(DOWNLOAD_MS);
      return this.gateway.fetch(url, init);
    }
    await this.clock.sleep(GATEWAY_MS);
    this.requests.push(this.clock.now);
    if (this.#gatewayRate?.take() !== false) return this.gateway.fetch(url, init);
    this.refused++;
    return new Response('Slow down', { status: 429 });
  }

  /** The gateway's callback, whose body says where the result truly lies. */
  async #callBack(url: string, body = ''): Promise<number> {
    const { pathname: rawPath } = new URL(url);
    const { request_id } = JSON.parse(body);
    const output = { media_url: [`${CDN}/v1/${request_id}/output.png`] };
    const event = {
      ...{ version: '2.0', rawPath, requestContext: { http: { method: 'POST', path: rawPath } } },
      ...{ body: JSON.stringify({ ...JSON.parse(body), output }), isBase64Encoded: false },
    };
    const answer = await this.invocations.invoke(this.#system.callbackArn ?? '', event);
    return (answer as { statusCode: number }).statusCode;
  }

  /** Puts simulated time and services in place of the real ones. @returns what puts the real ones back */
  #install(): () => void {
    const { clock, meters, invocations } = this;
    const log = (text: string | Uint8Array) => {
      meters.logBytes += text.length;
      return true;
    };
    const fetch = (url: string, init: RequestInit = {}) => invocations.call(() => this.#fetch(url, init));
    const restore = [
      clock.install(),
      // What a function sleeps by: time passes for it as for a call that it waits for.
      replace(timers, 'setTimeout', (ms: number) => invocations.call(() => clock.sleep(ms))),
      connect({
        invocations,
        objects: new MeteredObjects(this.#store, meters),
        table: this.#table,
        stepFunctions: this.stepFunctions?.operations ?? {},
        secret: () => {
          meters.secretReads++;
          return API_KEY;
        },
        faults: new AwsFaults([]),
        isThrottled: (operation) => operation === 'StartExecution' && this.#starts?.take() === false,
        pause: (ms) => clock.sleep(ms * this.#luck()),
      }),
      replace(globalThis, 'fetch', fetch),
      replace(https, 'request', requestOn(fetch)),
      replace(Math, 'random', this.#luck),
      // The interpreter makes errors that nobody sees; their stacks would take most of its time.
      replace(Error, 'stackTraceLimit', 0),
      replace(process.stdout, 'write', log),
      replace(process.stderr, 'write', log),
    ];
    return () => {
      for (const each of restore) each();
    };
  }
}

/** S3 with a meter. */
class MeteredObjects extends Objects {
  readonly #meters: Meters;

  constructor(store: Store, meters: Meters) {
    super(store);
    this.#meters = meters;
  }

  override answer(operation: string, input: object): object {
    this.#meters.s3(operation);
    return super.answer(operation, input);
  }
}

/** A table with a meter. */
class MeteredTable extends Table {
  readonly #meters: Meters;

  constructor(meters: Meters) {
    super(() => undefined);
    this.#meters = meters;
  }

  override update(input: UpdateItemCommandInput): ReturnType<Table['update']> {
    this.#meters.dynamoDbWrites++;
    return super.update(input);
  }
}

function replace<T extends object>(target: T, name: keyof T, value: unknown): () => void {
  const original = target[name];
  Object.defineProperty(target, name, { value, configurable: true, writable: true });
  return () => Object.defineProperty(target, name, { value: original, configurable: true, writable: true });
}
