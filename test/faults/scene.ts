import { expect } from 'vitest';
import { LOCAL_API_KEY, type LocalCloud } from '../../local/cloud.ts';
import type { BusEvent } from '../../local/event-bus.ts';
import type { LocalQueue } from '../../local/queue.ts';
import type { Execution } from '../../local/step-functions.ts';
import { statesOf, waitsOf } from '../executions.ts';
import { until } from '../until.ts';
import { Injection } from './injection.ts';

/** One image on its way through a cloud, with all that can disturb it. */
export class Scene extends Injection {
  readonly key: string;
  /** The current version. */
  body: Buffer;
  #paidBefore: number;
  readonly #uploads: BusEvent[] = [];
  readonly #found: Promise<void>[] = [];
  #expectedBytes: number | undefined;
  #execution: Execution | undefined;

  constructor(cloud: LocalCloud, key: string, body: Buffer) {
    super(cloud);
    this.key = key;
    this.body = body;
    this.#paidBefore = cloud.gateway.charged;
    this.onEvent('Object Created', (event) => this.#uploads.push(event));
  }

  /** The result is not the picture itself, but so long. */
  expectBytes(bytes: number): void {
    this.#expectedBytes = bytes;
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

  /** Uploads a version while no API key is stored, and stores it once that has failed. */
  async uploadWithoutApiKey(): Promise<void> {
    const { secrets, template } = this.cloud;
    const arn = template.output('ApiKeySecretArn');
    secrets.create(arn);
    await this.crash('submit');
    expect((await this.upload()).error).toBe('ApiKeyNotSet');
    secrets.put(arn, LOCAL_API_KEY);
  }

  /** Uploads two versions, of which the newer one is processed first. @param between Before the older one's event comes. */
  async uploadOvertaken(between: () => void = () => undefined): Promise<void> {
    const { held, release } = this.holdEvents('Object Created');
    this.put();
    this.replace();
    release(held[1]);
    await this.settled();
    between();
    release(held[0]);
    await until(() => this.executions.length === 2 || undefined);
    await this.settled();
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

  /** The latest upload's event comes once more, and on-upload has seen it. */
  async resendAndWait(): Promise<void> {
    const before = this.invocations('on-upload');
    const lines = this.cloud.logs.length;
    this.resendUpload();
    await until(() => this.invocations('on-upload') > before || undefined);
    await until(() => this.cloud.logs.slice(lines).some((line) => line.includes('claimed')) || undefined);
    await this.settled();
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
}
