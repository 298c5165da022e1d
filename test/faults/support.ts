import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ErrorName } from '../../functions/errors.ts';
import type { AwsError } from '../../local/aws-api.ts';
import type { CloudOptions, LocalCloud } from '../../local/cloud.ts';
import type { ItemUpdate } from '../../local/dynamodb.ts';
import type { BusEvent } from '../../local/event-bus.ts';
import type {
  CdnBehaviour,
  JobOutcome,
  StatusBehaviour,
  SubmitBehaviour,
  WebhookBehaviour,
} from '../../local/gateway.ts';
import type { LocalQueue } from '../../local/queue.ts';
import type { S3Fault } from '../../local/s3.ts';
import type { Execution } from '../../local/step-functions.ts';
import { messageOf, statesOf, waitsOf } from '../executions.ts';
import { picture } from '../pictures.ts';
import { errorFile, startCloud } from '../pipeline-rig.ts';
import { until } from '../until.ts';
import { type Row, record } from './matrix.ts';

/** Until the end of the row. */
export const FOR_EVER = Number.POSITIVE_INFINITY;
/** What S3 says when it is asked too often. */
export const SLOW_DOWN: S3Fault = { status: 503, code: 'SlowDown', message: 'Please reduce your request rate.' };
/** An AWS client that does not try again by itself, so that each fault reaches the function. */
export const HASTY: CloudOptions = { environment: { AWS_MAX_ATTEMPTS: '1' } };

const NODE_OPTIONS = `--import=${pathToFileURL(join(import.meta.dirname, 'environment.ts')).href}`;

/** Functions whose time limits of 15 s and more are shorter. */
export const IMPATIENT: CloudOptions = { environment: { NODE_OPTIONS, PATIENCE_MS: '600' } };

/** Functions that cannot resolve the gateway's name so many times. */
export function unresolved(gatewayUrl: string, times: number): CloudOptions {
  return { environment: { NODE_OPTIONS, GATEWAY_URL: gatewayUrl, UNRESOLVED_TIMES: String(times) } };
}

/** Functions whose clocks are wrong, by what their name holds. */
export function skewed(minutes: Record<string, number>): CloudOptions {
  return { environment: { NODE_OPTIONS, CLOCK_SKEW_MINUTES: JSON.stringify(minutes) } };
}

/** How an image ends: what the document says of it, and the check that it is so. */
export interface End {
  sees: string;
  paid: number;
  /** Uploads the image, unless the row did. */
  uploads: boolean;
  check: (scene: Scene) => void;
}

/** What else the row's own assertions prove, in the document's words. */
interface More {
  paid?: number;
  also?: string;
  /** What else stands in the results bucket, behind the source's key. */
  beside?: string[];
}

/** The cutout of the current version stands in the results bucket, whole, and nothing else does. */
export function cutout({ paid = 1, also, beside = [] }: More = {}): End {
  const check = (scene: Scene) => {
    const { key, execution } = scene;
    expect(execution, messageOf(scene.execution)).toMatchObject({ status: 'SUCCEEDED' });
    expect(JSON.parse(execution.output ?? '')).toMatchObject({ status: 'DELIVERED', source: { key } });
    expect(scene.results).toEqual(['.png', ...beside]);
    for (const suffix of scene.results) scene.expectCutout(suffix);
  };
  return { sees: withMore('the cutout', also), paid, uploads: true, check };
}

interface Failing extends More {
  /** The execution's error, where it is not Cutout's own name. */
  as?: string;
  /** Whether the error file could be written. */
  file?: boolean;
}

/** The execution fails by this name, the error file says so in plain words, and there is no cutout. */
export function fails(error: ErrorName, { paid = 0, as = error, also, file = true, beside = [] }: Failing = {}): End {
  const check = ({ key, cloud, execution, results }: Scene) => {
    expect(execution.status).toBe(as === 'Aborted' ? 'ABORTED' : 'FAILED');
    if (as !== 'Aborted') expect(execution.error, messageOf(execution)).toBe(as);
    expect(results).toEqual([...(file ? ['.error.json'] : []), ...beside]);
    if (!file) return;
    expect(errorFile(cloud, key)).toMatchObject({ error, execution: execution.name, source: { key } });
    const { cause } = errorFile(cloud, key) ?? {};
    expect(cause).toMatch(/^\w.+\. \w.+\.$/);
    expect(cause, 'says nothing of the inside').not.toMatch(/arn:|x-amz|sha256|\bat .*:\d+:\d+|AccessDenied/i);
  };
  const shown = as === error || as === 'Aborted' ? `\`${error}\`` : `\`${as}\` in the execution, \`${error}\``;
  const files = file ? `${shown} in the error file` : `\`${as}\` in the execution, no error file`;
  return { sees: withMore(files, also), paid, uploads: true, check };
}

/** Something else, which the row itself asserts. */
export function sees(what: string, { paid = 0 }: { paid?: number } = {}): End {
  return { sees: what, paid, uploads: false, check: () => {} };
}

function withMore(what: string, also: string | undefined): string {
  return also === undefined ? what : `${what}; ${also}`;
}

/** Declares a row of the matrix: what goes wrong, how the image ends, and what makes it go wrong. */
export type Fault = (fault: string, end: End, act: (scene: Scene) => unknown, where?: string) => void;

/**
 * Rows of the matrix whose faults are injected at one place. Each is a test on the real bundles and the real state
 * machine; the clouds that they run on are shared by the rows of a file.
 */
export function area(title: string, where: string, define: (fault: Fault) => void, options: CloudOptions = {}): void {
  const rows: { row: Row; end: End; act: (scene: Scene) => unknown }[] = [];
  define((fault, end, act, place = where) => {
    rows.push({ row: { area: title, fault, where: place, sees: end.sees, paid: end.paid }, end, act });
  });
  if (record(rows.map(({ row }) => row))) return;

  // Of the file: its other areas may run on the same clouds.
  afterAll(closeClouds);
  describe(title, () => {
    let cloud: LocalCloud;
    let scene: Scene | undefined;
    beforeAll(async () => {
      cloud = await cloudWith(options);
    });
    afterEach(() => scene?.end());
    for (const { row, end, act } of rows) {
      it(`${row.fault}: ${row.sees} (paid submissions: ${row.paid})`, async () => {
        const body = await picture(number % 256);
        scene = new Scene(cloud, `${++number}/cat.png`, body);
        await act(scene);
        if (end.uploads && !scene.hasBegun) await scene.upload();
        await scene.settled();
        scene.checkThatItHappened();
        end.check(scene);
        expect(scene.paid, 'paid submissions').toBe(row.paid);
      });
    }
  });
}

let number = 0;
const clouds = new Map<string, Promise<LocalCloud>>();

async function closeClouds(): Promise<void> {
  const open = [...clouds.values()];
  clouds.clear();
  for (const cloud of open) await (await cloud).close();
}

/** The gateway gives every picture back as it is: so a result shows whose it is, and that it is whole. */
function cloudWith(options: CloudOptions): Promise<LocalCloud> {
  const id = JSON.stringify(options);
  const existing = clouds.get(id);
  if (existing) return existing;
  const gateway = { durationMs: 5, cutOut: async (image: Buffer) => image };
  const made = startCloud({ waitMs: 5, retryMs: 2, visibilityMs: 5, gateway, ...options });
  clouds.set(id, made);
  return made;
}

interface Behaviours {
  submit: SubmitBehaviour;
  status: StatusBehaviour;
  outcome: JobOutcome;
  download: CdnBehaviour;
  webhook: WebhookBehaviour;
}
const NORMAL: Behaviours = {
  submit: 'accept',
  status: 'normal',
  outcome: 'COMPLETED',
  download: 'normal',
  webhook: 'send',
};

/** What changes the record of a submission: Submit, the waiting state, or a callback. */
export type RecordStep = 'open' | 'close' | 'store-token' | 'note-callback';

function stepOf({ UpdateExpression = '', ConditionExpression = '' }: ItemUpdate): RecordStep | undefined {
  if (ConditionExpression.includes('capability')) return 'note-callback';
  if (UpdateExpression.includes('taskToken')) return 'store-token';
  if (UpdateExpression.includes('capability')) return 'open';
  return UpdateExpression.includes('calledBackAt') ? 'close' : undefined;
}

type BucketName = 'uploads' | 'results';
type S3Hook = (
  bucket: BucketName,
  operation: string,
  key: string,
) => S3Fault | undefined | Promise<S3Fault | undefined>;

/** One image on its way, and the places where its way can be disturbed. What was asked for must happen. */
export class Scene {
  readonly cloud: LocalCloud;
  readonly key: string;
  /** The current version. */
  body: Buffer;
  #paidBefore: number;
  readonly #expectations: (() => void)[] = [];
  readonly #s3Hooks: S3Hook[] = [];
  readonly #tableHooks: ((step: RecordStep | undefined) => AwsError | undefined | Promise<AwsError | undefined>)[] = [];
  readonly #awsHooks: ((operation: string) => AwsError | undefined)[] = [];
  readonly #invokeHooks: ((bundle: string) => string | undefined)[] = [];
  readonly #cleanUps: (() => void)[] = [];
  readonly #uploads: BusEvent[] = [];
  readonly #found: Promise<void>[] = [];
  readonly #invocations = new Map<string, number>();
  #expectedBytes: number | undefined;
  #execution: Execution | undefined;

  constructor(cloud: LocalCloud, key: string, body: Buffer) {
    this.cloud = cloud;
    this.key = key;
    this.body = body;
    this.#paidBefore = cloud.gateway.charged;
    cloud.s3.onRequest = async ({ bucket, operation, key, presigned }) => {
      if (presigned) return undefined;
      const name = bucket === cloud.uploadsBucket ? 'uploads' : 'results';
      for (const hook of this.#s3Hooks) {
        const fault = await hook(name, operation, key);
        if (fault) return fault;
      }
      return undefined;
    };
    if (cloud.dynamoDb) {
      cloud.dynamoDb.onRequest = async (update) => {
        for (const hook of this.#tableHooks) {
          const refusal = await hook(stepOf(update));
          if (refusal) return refusal;
        }
        return undefined;
      };
    }
    this.onEvent('Object Created', (event) => this.#uploads.push(event));
    cloud.onAwsCall = (operation) => first(this.#awsHooks, (hook) => hook(operation));
    cloud.onInvoke = (bundle) => {
      this.#invocations.set(bundle, this.invocations(bundle) + 1);
      const errorType = first(this.#invokeHooks, (hook) => hook(bundle));
      return errorType === undefined ? undefined : { errorType, errorMessage: 'It could not be run', trace: [] };
    };
  }

  /** Waits until every fault that was asked for has happened. */
  async happened(): Promise<void> {
    await vi.waitFor(() => this.checkThatItHappened(), { timeout: 10_000, interval: 5 });
    await this.cloud.settled();
  }

  /** Asserted when all is over. */
  atTheEnd(expectation: () => void): void {
    this.#expectations.push(expectation);
  }

  /** The result is not the picture itself, but so long. */
  expectBytes(bytes: number): void {
    this.#expectedBytes = bytes;
  }

  /** Leaves the cloud as it was. */
  end(): void {
    this.cloud.gateway.always(NORMAL);
    this.cloud.s3.onRequest = undefined;
    if (this.cloud.dynamoDb) this.cloud.dynamoDb.onRequest = undefined;
    this.cloud.onAwsCall = undefined;
    this.cloud.onInvoke = undefined;
    for (const cleanUp of this.#cleanUps.splice(0)) cleanUp();
  }

  /** Undone after the row. */
  afterwards(cleanUp: () => void): void {
    this.#cleanUps.push(cleanUp);
  }

  /** A row whose fault did not happen proves nothing. */
  checkThatItHappened(): void {
    for (const expectation of this.#expectations) expectation();
  }

  get hasBegun(): boolean {
    return this.#execution !== undefined || this.#found.length > 0;
  }

  /** The latest execution of this row. */
  get execution(): Execution {
    if (this.#execution === undefined) throw new Error('Nothing has been uploaded');
    return this.#execution;
  }

  set execution(execution: Execution) {
    this.#execution = execution;
  }

  /** Accepted by the gateway since the row began, except what ended in ERROR. */
  get paid(): number {
    return this.cloud.gateway.charged - this.#paidBefore;
  }

  /** What came before is not part of the row. */
  countFromHere(): void {
    this.#paidBefore = this.cloud.gateway.charged;
  }

  /** All executions about this row's key. */
  get executions(): Execution[] {
    return this.cloud.stepFunctions.executions.filter(({ input }) => JSON.parse(input).key === this.key);
  }

  /** Result, error file and what else there is of this key. */
  get results(): string[] {
    return this.cloud.s3.list(this.cloud.resultsBucket, this.key).map((each) => each.slice(this.key.length));
  }

  expectCutout(suffix = '.png'): void {
    const { cloud, key } = this;
    const result = cloud.s3.get(cloud.resultsBucket, key + suffix);
    if (this.#expectedBytes !== undefined) expect(result?.body.length).toBe(this.#expectedBytes);
    else expect(result?.body.equals(this.body), 'the cutout is whole, and that of the current version').toBe(true);
    expect(result?.contentType).toBe('image/png');
  }

  /** Uploads a version. @returns how the uploads bucket knows it */
  put(body: Buffer = this.body): { etag: string; versionId?: string } {
    this.body = body;
    return this.cloud.s3.put(this.cloud.uploadsBucket, this.key, body);
  }

  /** Uploads a version and waits for its execution to be under way. */
  async start(body?: Buffer): Promise<Execution> {
    const before = this.executions.length;
    const { etag } = this.put(body);
    const isIts = ({ input }: Execution) => JSON.parse(input).etag === etag;
    this.#execution = await until(() => this.executions.slice(before).find(isIts));
    return this.#execution;
  }

  /** Uploads another version, now: the row is about how that one ends. */
  replace(body: Buffer = this.anotherPicture()): void {
    const before = this.executions.length;
    const { etag } = this.put(body);
    const isIts = ({ input }: Execution) => JSON.parse(input).etag === etag;
    const found = until(() => this.executions.slice(before).find(isIts)).then((execution) => {
      this.#execution = execution;
    });
    this.#found.push(found);
  }

  /** A picture that differs from all versions before. */
  anotherPicture(): Buffer {
    return Buffer.concat([this.body, Buffer.from('.')]);
  }

  /** Waits until all that follows from the row's uploads is over, the answers to callbacks included. */
  async settled(): Promise<void> {
    await Promise.all(this.#found);
    await this.cloud.settled();
    await this.cloud.gateway.tick();
  }

  /** Uploads a version and waits until all that follows from it is over. */
  async upload(body?: Buffer): Promise<Execution> {
    const execution = await this.start(body);
    await this.cloud.settled();
    return execution;
  }

  /** Waits until an execution has entered a state so many times. */
  async reached(state: string, times = 1): Promise<void> {
    await until(() => statesOf(this.execution).filter((name) => name === state).length >= times || undefined);
  }

  /** Waits until the gateway has been asked in vain so many times where the job stands. */
  async asked(times = 1): Promise<void> {
    await until(() => waitsOf(this.execution).length >= times || undefined);
  }

  /** Redrives the execution and waits until all that follows from it is over. */
  async redrive(): Promise<void> {
    this.cloud.stepFunctions.redrive(this.execution.arn);
    await this.cloud.settled();
  }

  /** The next answers of the gateway or its CDN; normal ones after them. */
  next<K extends keyof Behaviours>(kind: K, ...behaviours: Behaviours[K][]): void {
    const left = [...behaviours];
    this.cloud.gateway.always({ [kind]: () => left.shift() ?? NORMAL[kind] });
    this.#expectations.push(() => expect(left, `answers to ${kind} that nobody asked for`).toEqual([]));
  }

  /** As {@link next}, the same answer so many times. */
  repeat<K extends keyof Behaviours>(kind: K, behaviour: Behaviours[K], times: number): void {
    if (times === FOR_EVER) this.on(kind, () => behaviour);
    else this.next(kind, ...Array.from({ length: times }, () => behaviour));
  }

  /** Called at each such request, and says what is answered; normal if it does not say. */
  on<K extends keyof Behaviours>(kind: K, answer: (count: number) => Behaviours[K] | undefined): void {
    const calls = this.#counter(`requests for ${kind}`);
    this.cloud.gateway.always({ [kind]: () => answer(calls()) ?? NORMAL[kind] });
  }

  /** Called at each request of this kind that a function makes to S3, before it is carried out. */
  onS3(
    operation: string,
    bucket: BucketName,
    answer: (count: number, key: string) => S3Fault | undefined | Promise<S3Fault | undefined>,
    suffix = '',
  ): void {
    const calls = this.#counter(`${operation} in ${bucket}`);
    this.#s3Hooks.push((name, asked, key) =>
      name === bucket && asked === operation && key.endsWith(suffix) ? answer(calls(), key) : undefined,
    );
  }

  /** Fails such requests of functions to S3. @param suffix Only those for keys that end so. */
  failS3(operation: string, bucket: BucketName, fault: S3Fault, times = 1, suffix = ''): void {
    const failed = this.#quota(`${operation} in ${bucket}`, times);
    this.#s3Hooks.push((name, asked, key) =>
      name === bucket && asked === operation && key.endsWith(suffix) && failed() ? fault : undefined,
    );
  }

  /** Called at each such change of a record in the table of callbacks, before it is made. */
  onTable(step: RecordStep, answer: (count: number) => AwsError | undefined | Promise<AwsError | undefined>): void {
    const calls = this.#counter(`${step} in the table`);
    this.#tableHooks.push((asked) => (asked === step ? answer(calls()) : undefined));
  }

  failTable(step: RecordStep, error: AwsError, times = 1): void {
    const failed = this.#quota(`${step} in the table`, times);
    this.#tableHooks.push((asked) => (asked === step && failed() ? error : undefined));
  }

  /** Called at such calls of Step Functions or Secrets Manager. */
  onAws(operation: string, answer: (count: number) => AwsError | undefined): void {
    const calls = this.#counter(operation);
    this.#awsHooks.push((asked) => (asked.endsWith(`.${operation}`) ? answer(calls()) : undefined));
  }

  failAws(operation: string, error: AwsError, times = 1): void {
    const failed = this.#quota(operation, times);
    this.#awsHooks.push((asked) => (asked.endsWith(`.${operation}`) && failed() ? error : undefined));
  }

  /** Fails invocations before the function runs. */
  failInvocation(bundle: string, errorType: string, times = 1): void {
    const failed = this.#quota(`invocations of ${bundle}`, times);
    this.#invokeHooks.push((invoked) => (invoked === bundle && failed() ? errorType : undefined));
  }

  /** As {@link redrive}, from within a hook: waits for the execution alone. */
  async redriveNow(): Promise<void> {
    await until(() => this.#execution?.status === 'FAILED' || undefined);
    this.cloud.stepFunctions.redrive(this.execution.arn);
    await until(() => this.execution.status !== 'RUNNING' || undefined);
  }

  /** What the executions of this row put out, in the order they were started. */
  statusOf(from: number, to: number): unknown[] {
    return this.executions.slice(from, to).map(({ output = 'null' }) => JSON.parse(output)?.status);
  }

  /** What the execution entered its last state with. */
  get lastState(): { requestId: string } {
    const entered = this.execution.history.findLast((event) => event.stateEnteredEventDetails);
    return JSON.parse(entered?.stateEnteredEventDetails?.input ?? 'null');
  }

  /** The event of the latest upload. */
  get lastUpload(): BusEvent | undefined {
    return this.#uploads.at(-1);
  }

  /** How often a function has been invoked since the row began. */
  invocations(bundle: string): number {
    return this.#invocations.get(bundle) ?? 0;
  }

  /** The latest upload's event comes once more, and on-upload has seen it. */
  async resendAndWait(): Promise<void> {
    const before = this.invocations('on-upload');
    const lines = this.cloud.logs.length;
    this.resendUpload();
    await until(() => this.invocations('on-upload') > before || undefined);
    await until(() => this.cloud.logs.slice(lines).some((line) => line.includes('claimed')) || undefined);
    await this.settled();
  }

  /** Keeps events from the bus until they are released, in the order they are asked for. */
  holdEvents(
    detailType: string,
    isHeld: (event: BusEvent) => boolean = () => true,
  ): { held: BusEvent[]; release: (event?: BusEvent) => void } {
    const { bus } = this.cloud;
    const put = bus.put.bind(bus);
    const held: BusEvent[] = [];
    const putBack = () => {
      bus.put = put;
    };
    bus.put = (event) => (event['detail-type'] === detailType && isHeld(event) ? void held.push(event) : put(event));
    this.afterwards(putBack);
    this.#expectations.push(() => expect(held.length, `${detailType} held`).toBeGreaterThan(0));
    return { held, release: (event = held.at(-1)) => event && put(event) };
  }

  /** The queue whose logical id holds this word. */
  queue(word: string): LocalQueue {
    const { arn } = [...this.cloud.queues].map(([arn]) => ({ arn })).find(({ arn }) => arn.includes(word)) ?? {};
    const queue = arn === undefined ? undefined : this.cloud.queues.get(arn);
    if (queue === undefined) throw new Error(`There is no queue ${word}`);
    return queue;
  }

  /** Dead letters of uploads, or of failure reports, that are about something. */
  deadLetters(of: 'Intake' | 'Failures', about: string): string[] {
    return this.queue(`${of}DeadLetterQueue`).bodies.filter((body) => body.includes(about));
  }

  /** After how many days S3 drops the parts of multipart uploads that nobody completed. */
  get dropsPartsAfterDays(): number | undefined {
    const { template, resultsBucket } = this.cloud;
    const bucket = template
      .resources('AWS::S3::Bucket')
      .find(({ logicalId }) => template.ref(logicalId) === resultsBucket);
    return bucket?.properties.LifecycleConfiguration.Rules[0]?.AbortIncompleteMultipartUpload.DaysAfterInitiation;
  }

  /** The upload's event comes once more. */
  resendUpload(): void {
    const event = this.lastUpload;
    if (event === undefined) throw new Error('Nothing has been uploaded');
    this.cloud.bus.put(event);
  }

  /** Called at each invocation. */
  onInvocation(bundle: string, see: (count: number) => void): void {
    const calls = this.#counter(`invocations of ${bundle}`);
    this.#invokeHooks.push((invoked) => {
      if (invoked === bundle) see(calls());
      return undefined;
    });
  }

  /** Sees each event on the bus. */
  onEvent(detailType: string, see: (event: BusEvent) => void): void {
    let over = false;
    this.afterwards(() => {
      over = true;
    });
    this.cloud.bus.addRule({ 'detail-type': [detailType] }, (event) => {
      if (!over) see(event);
    });
  }

  /** Kills a function, whatever it is doing. What it had cached is gone too. */
  crash(bundle: string): Promise<void> {
    return this.cloud.function(bundle).crash();
  }

  #counter(what: string): () => number {
    let calls = 0;
    this.#expectations.push(() => expect(calls, what).toBeGreaterThan(0));
    return () => ++calls;
  }

  /** Says yes so many times; all of them must be used. */
  #quota(what: string, times: number): () => boolean {
    let used = 0;
    this.#expectations.push(() =>
      times === FOR_EVER ? expect(used, what).toBeGreaterThan(0) : expect(used, what).toBe(times),
    );
    return () => used < times && ++used > 0;
  }
}

function first<T, R>(items: T[], take: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const taken = take(item);
    if (taken !== undefined) return taken;
  }
  return undefined;
}
