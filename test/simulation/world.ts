import https from 'node:https';
import type { UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import type { SQSEvent } from 'aws-lambda';
import { type BusEvent, EventBus } from '../../local/event-bus.ts';
import { objectCreated, statusChange } from '../../local/events.ts';
import { LocalQueue } from '../../local/queue.ts';
import { Store } from '../../local/s3/store.ts';
import { LocalStepFunctions } from '../../local/step-functions.ts';
import { AwsFaults, connect, tooManyUpdates } from './aws-clients.ts';
import { Clock } from './clock.ts';
import { Gateway } from './gateway.ts';
import { Invocations } from './invocations.ts';
import { luck } from './luck.ts';
import { Objects } from './objects.ts';
import { picture } from './pictures.ts';
import { type RegionQuotas, TokenBucket } from './quotas.ts';
import { requestOn } from './requests.ts';
import type { Content, Schedule, Step } from './schedule.ts';
import {
  API_KEY,
  gatewayUrl,
  NEXT_API_KEY,
  polling,
  resultsBucket,
  type Stack,
  stateMachineArn,
  uploadsBucket,
  webhook,
} from './stack.ts';
import { Table } from './table.ts';

/** Words that stand in no log line, state or file: API keys, and what makes a presigned URL a capability. */
const SECRETS = [API_KEY, NEXT_API_KEY, 'X-Amz-'];

export interface Upload {
  key: string;
  content: Content;
  versionId: string | undefined;
  etag: string;
  body: Buffer;
}

/** An object that stood in the results bucket. */
export interface Written {
  key: string;
  body: Buffer;
  metadata: Record<string, string>;
  at: number;
}

export interface WorldOptions {
  /** What AWS allows. @default - as much as is asked for */
  quotas?: RegionQuotas;
  /** Milliseconds of a call, in place of the schedule's pace. */
  latency?: () => number;
}

/** A deployment of the template in simulated time, with the real functions and the real state machine. */
export class World {
  readonly clock = new Clock();
  readonly uploads: Upload[] = [];
  readonly removals: { key: string; at: number }[] = [];
  readonly written: Written[] = [];
  /** Where a secret was seen. */
  readonly leaks: string[] = [];
  readonly store: Store;
  readonly gateway: Gateway;
  readonly stepFunctions: LocalStepFunctions;
  readonly invocations: Invocations;
  /** When states were entered. */
  readonly transitions: number[] = [];
  /** Dead letters that a person moved back. */
  movedBack = 0;
  readonly #schedule: Schedule;
  readonly #stack: Stack;
  readonly #faults: AwsFaults;
  readonly #table: Table;
  /** As `SECRETS`, and what is made up on the way: what a callback's path holds, and the tokens of waiting states. */
  readonly #secrets = new Set(SECRETS);
  readonly #starts: TokenBucket | undefined;
  readonly #luck: () => number;
  readonly #bus = new EventBus();
  readonly #queues = new Map<string, LocalQueue>();
  #apiKey = API_KEY;
  #events = 0;
  #failureEvents = 0;

  constructor(schedule: Schedule, options: WorldOptions = {}) {
    this.#schedule = schedule;
    this.#stack = schedule.webhook ? webhook : polling;
    this.#faults = new AwsFaults(schedule.awsFaults);
    this.#table = new Table(({ capability, taskToken }) => {
      for (const secret of [capability, taskToken]) if (secret !== undefined) this.#secrets.add(secret);
    });
    this.#luck = luck(schedule.luck);
    const { clock } = this;
    const { functions, definition } = this.#stack;
    const buckets = { [uploadsBucket]: { versioned: schedule.versioned }, [resultsBucket]: { versioned: true } };
    this.store = new Store(buckets, (object) => {
      if (object.bucket === resultsBucket) return this.#keepResult(object.key);
      this.#announce(objectCreated(object), schedule.events[this.#events++]);
    });
    const latency = options.latency ?? (() => this.#latency());
    const { quotas } = options;
    const maxConcurrency = quotas?.lambdaConcurrency ?? Number.POSITIVE_INFINITY;
    this.#starts = quotas && new TokenBucket(clock, quotas.startExecution);
    const transitions = quotas && new TokenBucket(clock, quotas.stateTransitions);
    this.invocations = new Invocations({
      clock,
      functions,
      latency,
      misfortunes: schedule.misfortunes,
      maxConcurrency,
    });
    this.gateway = new Gateway({
      ...{ clock, url: gatewayUrl, store: this.store, apiKey: () => this.#apiKey, schedule },
      callBack: (url, body) => this.#callBack(url, body),
    });
    this.stepFunctions = new LocalStepFunctions({
      stateMachineArn,
      definition,
      invoke: async (arn, event) => {
        await this.#transition(transitions);
        return this.invocations.invoke(arn, event);
      },
      updateItem: async (input) => {
        await this.#transition(transitions);
        await clock.sleep(latency());
        const update = () => this.#table.update(input as UpdateItemCommandInput);
        return this.#faults.answer('UpdateItem', tooManyUpdates, update);
      },
      onHistory: (execution, event) => {
        this.#look(`the history of ${execution.name}`, JSON.stringify(event));
        const isTask = event.type === 'TaskStateEntered';
        if (event.stateEnteredEventDetails !== undefined && !isTask) void this.#transition(transitions);
      },
      onStatusChange: (execution) => {
        const isFailure = execution.status !== 'RUNNING' && execution.status !== 'SUCCEEDED';
        const copies = isFailure ? schedule.failureEvents[this.#failureEvents++] : undefined;
        if (isFailure) this.#announce(statusChange(execution, stateMachineArn), copies);
      },
    });
    this.#makeQueues();
    this.#makeRules();
  }

  /** Runs the schedule until nothing is left to happen, dead letters included. */
  async run(): Promise<void> {
    const restore = this.#install();
    try {
      for (const step of this.#schedule.steps) this.clock.after(step.at * 1000, () => this.#take(step));
      await this.clock.run(() => this.invocations.isBusy);
      this.#moveDeadLettersBack();
      await this.clock.run(() => this.invocations.isBusy);
    } finally {
      restore();
    }
  }

  #install(): () => void {
    const fetch = (url: string, init: RequestInit) => this.invocations.call(() => this.gateway.fetch(url, init));
    const restore = [
      this.clock.install(),
      connect({
        invocations: this.invocations,
        objects: new Objects(this.store),
        table: this.#table,
        stepFunctions: this.stepFunctions.operations,
        secret: () => this.#apiKey,
        faults: this.#faults,
        isThrottled: (operation) => operation === 'StartExecution' && this.#starts?.take() === false,
        pause: (ms) => this.clock.sleep(ms * this.#luck()),
      }),
      replace(globalThis, 'fetch', fetch),
      replace(https, 'request', requestOn(fetch)),
      replace(Math, 'random', this.#luck),
      // The interpreter makes errors that nobody sees; their stacks would take most of its time.
      replace(Error, 'stackTraceLimit', 0),
      replace(process.stdout, 'write', (line: string | Uint8Array) => this.#look('the log', String(line))),
      replace(process.stderr, 'write', (line: string | Uint8Array) => this.#look('the log', String(line))),
    ];
    return () => {
      for (const each of restore) each();
    };
  }

  /** Step Functions lets an account that is past its quota wait, in turn. */
  async #transition(quota: TokenBucket | undefined): Promise<void> {
    quota?.owe();
    const waitMs = quota?.debtMs ?? 0;
    if (waitMs > 0) await this.clock.sleep(waitMs);
    this.transitions.push(this.clock.now);
  }

  #take(step: Step): void {
    if ('upload' in step) this.#upload(step.upload, step.content);
    else if ('remove' in step) this.#remove(step.remove);
    else if ('rotate' in step) this.#apiKey = NEXT_API_KEY;
    else {
      const failed = this.stepFunctions.executions.filter(
        ({ status }) => status !== 'RUNNING' && status !== 'SUCCEEDED',
      );
      for (const { arn } of failed) this.stepFunctions.redrive(arn);
    }
  }

  #remove(key: string): void {
    this.store.remove(uploadsBucket, key);
    this.removals.push({ key, at: this.clock.now });
  }

  #upload(key: string, content: Content): void {
    // Without versions, an ETag is all that tells uploads apart: the same bytes again are the same image.
    const shows = this.#schedule.versioned ? content : `${content} ${this.uploads.length}`;
    const body = content === 'nothing' ? Buffer.alloc(0) : content === 'text' ? Buffer.from(shows) : picture(shows);
    const description = { body, contentType: 'application/octet-stream', metadata: {}, headers: {} };
    const { etag, versionId } = this.store.write(uploadsBucket, key, description, 'PutObject');
    this.uploads.push({ key, content, etag, versionId, body });
  }

  #keepResult(key: string): void {
    const { body, metadata } = this.store.read(resultsBucket, key);
    this.written.push({ key, body, metadata, at: this.clock.now });
    if (key.endsWith('.json')) this.#look(key, body.toString());
  }

  /** Every event arrives at least once, and perhaps late, twice or after a later one. */
  #announce(event: BusEvent, copies: number[] = [0.5]): void {
    for (const seconds of copies) this.clock.after(seconds * 1000, () => this.#bus.put(event));
  }

  /** A request to the function URL. @returns the status of Lambda's answer */
  async #callBack(url: string, body: string | undefined): Promise<number> {
    const { template } = this.#stack;
    const [functionUrl] = template.resources('AWS::Lambda::Url');
    const { pathname: rawPath } = new URL(url);
    const event = { version: '2.0', rawPath, requestContext: { http: { method: 'POST', path: rawPath } } };
    try {
      const answer = await this.invocations.invoke(functionUrl?.properties.TargetFunctionArn, {
        ...event,
        ...(body !== undefined && { body, isBase64Encoded: false }),
      });
      return (answer as { statusCode: number }).statusCode;
    } catch (error) {
      return (error as Error).name === 'Lambda.TooManyRequestsException' ? 429 : 502;
    }
  }

  #latency(): number {
    const random = this.#luck();
    const { pace } = this.#schedule;
    if (pace === 'uneven' && random > 0.9) return (random - 0.9) * 150_000;
    return -Math.log(1 - random) * (pace === 'slow' ? 1000 : 10) + 1;
  }

  #makeQueues(): void {
    const { template } = this.#stack;
    const resources = template.resources('AWS::SQS::Queue');
    const depth = ({ properties }: (typeof resources)[number]) => (properties.RedrivePolicy === undefined ? 0 : 1);
    for (const { logicalId, properties } of resources.toSorted((a, b) => depth(a) - depth(b))) {
      const arn = template.arn(logicalId);
      const { maxReceiveCount, deadLetterTargetArn } = properties.RedrivePolicy ?? {};
      const visibilityMs = (properties.VisibilityTimeout ?? 30) * 1000;
      const deadLetters = this.#queues.get(deadLetterTargetArn);
      this.#queues.set(arn, new LocalQueue({ arn, visibilityMs, maxReceiveCount, deadLetters }));
    }
    for (const { properties } of template.resources('AWS::Lambda::EventSourceMapping')) {
      this.#queue(properties.EventSourceArn).consume({
        invoke: (event) => this.invocations.invoke(template.arn(properties.FunctionName), event),
        batchSize: properties.BatchSize,
        maxConcurrency: properties.ScalingConfig.MaximumConcurrency,
      });
    }
  }

  #makeRules(): void {
    for (const { properties } of this.#stack.template.resources('AWS::Events::Rule')) {
      for (const { Arn } of properties.Targets) {
        this.#bus.addRule(properties.EventPattern, (event) => {
          const queue = this.#queues.get(Arn);
          if (queue) queue.send(JSON.stringify(event));
          else void this.#invokeLater(Arn, event);
        });
      }
    }
  }

  /** An asynchronous invocation: Lambda retries it, and hands over in the end what could not be processed. */
  async #invokeLater(arn: string, event: unknown): Promise<void> {
    const { template } = this.#stack;
    const config = template
      .resources('AWS::Lambda::EventInvokeConfig')
      .find(({ properties }) => template.arn(properties.FunctionName) === arn);
    const { MaximumRetryAttempts = 2, DestinationConfig } = config?.properties ?? {};
    for (let attempt = 0; attempt <= MaximumRetryAttempts; attempt++) {
      try {
        await this.invocations.invoke(arn, event);
        return;
      } catch (error) {
        // A throttle is no attempt: Lambda goes on for hours.
        if ((error as Error).name === 'Lambda.TooManyRequestsException') attempt--;
        await this.clock.sleep((attempt + 1) * 60_000);
      }
    }
    this.#queue(DestinationConfig.OnFailure.Destination).send(
      JSON.stringify({ requestPayload: event, functionArn: arn }),
    );
  }

  /** A person moves back what became a dead letter: to its queue, or to the function that could not process it. */
  #moveDeadLettersBack(): void {
    const { template } = this.#stack;
    const sourceOf = new Map<string, LocalQueue>();
    for (const { logicalId, properties } of template.resources('AWS::SQS::Queue')) {
      const deadLetters = properties.RedrivePolicy?.deadLetterTargetArn;
      if (deadLetters !== undefined) sourceOf.set(deadLetters, this.#queue(template.arn(logicalId)));
    }
    const consumed = template
      .resources('AWS::Lambda::EventSourceMapping')
      .map((each) => each.properties.EventSourceArn);
    for (const [arn, deadLetters] of this.#queues) {
      if (consumed.includes(arn)) continue;
      const moveBack = (body: string) => {
        this.movedBack++;
        const source = sourceOf.get(arn);
        if (source) return source.send(body);
        const { functionArn, requestPayload } = JSON.parse(body);
        void this.#invokeLater(functionArn, requestPayload);
      };
      const invoke = async (event: unknown) => (event as SQSEvent).Records.forEach(({ body }) => void moveBack(body));
      deadLetters.consume({ invoke, batchSize: 10, maxConcurrency: 1 });
    }
  }

  #queue(arn: string): LocalQueue {
    const queue = this.#queues.get(arn);
    if (queue === undefined) throw new Error(`There is no queue ${arn}`);
    return queue;
  }

  #look(where: string, text: string): boolean {
    const at = Math.max(...Array.from(this.#secrets, (secret) => text.indexOf(secret)));
    if (at >= 0) this.leaks.push(`${where}: …${text.slice(Math.max(0, at - 100), at + 20)}…`);
    return true;
  }
}

function replace<T extends object>(target: T, name: keyof T, value: unknown): () => void {
  const original = target[name];
  Object.defineProperty(target, name, { value, configurable: true, writable: true });
  return () => Object.defineProperty(target, name, { value: original, configurable: true, writable: true });
}
