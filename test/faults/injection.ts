import { expect, vi } from 'vitest';
import type { AwsError } from '../../local/aws-api.ts';
import type { LocalCloud } from '../../local/cloud.ts';
import type { ItemUpdate } from '../../local/dynamodb.ts';
import type { BusEvent } from '../../local/event-bus.ts';
import type {
  CdnBehaviour,
  JobOutcome,
  StatusBehaviour,
  SubmitBehaviour,
  WebhookBehaviour,
} from '../../local/gateway.ts';
import type { S3Fault } from '../../local/s3.ts';

/** Until the end of the row. */
export const FOR_EVER = Number.POSITIVE_INFINITY;
/** What S3 says when it is asked too often. */
export const SLOW_DOWN: S3Fault = { status: 503, code: 'SlowDown', message: 'Please reduce your request rate.' };

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

/** What changes the record of a submission: Submit, the waiting state, or a callback; and what counts those of a day. */
type RecordStep = 'open' | 'close' | 'store-token' | 'note-callback' | 'count' | 'give-back';

function stepOf({ UpdateExpression = '', ConditionExpression = '' }: ItemUpdate): RecordStep | undefined {
  if (ConditionExpression.includes('capability')) return 'note-callback';
  if (UpdateExpression.includes('ADD')) return UpdateExpression.includes(':less') ? 'give-back' : 'count';
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

/** The places where the way of images can be disturbed. What was asked for must happen. */
export class Injection {
  readonly cloud: LocalCloud;
  readonly #expectations: (() => void)[] = [];
  readonly #s3Hooks: S3Hook[] = [];
  readonly #tableHooks: ((step: RecordStep | undefined) => AwsError | undefined | Promise<AwsError | undefined>)[] = [];
  readonly #awsHooks: ((operation: string) => AwsError | undefined)[] = [];
  readonly #invokeHooks: ((bundle: string) => string | undefined)[] = [];
  readonly #cleanUps: (() => void)[] = [];
  readonly #invocations = new Map<string, number>();

  constructor(cloud: LocalCloud) {
    this.cloud = cloud;
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

  /** How often a function has been invoked since the row began. */
  invocations(bundle: string): number {
    return this.#invocations.get(bundle) ?? 0;
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
