import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HistoryEvent } from '@aws-sdk/client-sfn';
import type { StoredResult } from '../../functions/contract.ts';
import { executionName } from '../../functions/results/keys.ts';
import type { Switches } from './gateway/switches.ts';
import type { Places, RemovalName } from './places.ts';
import { type Execution, executionArn } from './target/executions.ts';
import type { Stored } from './target/objects.ts';
import type { Target } from './target/target.ts';

/** An image that was uploaded. */
export interface Upload extends Stored {
  removal: RemovalName;
}

/** How long something may take that takes seconds, in milliseconds: queues and new functions may be slow at first. */
const PATIENCE_MS = 240_000;

/** One case under way: what it does and sees, with the times that AWS gives. */
export class Trial {
  readonly target: Target;
  /** In the keys of all that belongs to the case. */
  readonly token = `case-${randomBytes(6).toString('hex')}`;
  /** AWS's timestamps of what happened, in milliseconds since 1970. */
  readonly #times: number[] = [];

  constructor(target: Target) {
    this.target = target;
  }

  /** Seconds from the first to the last thing that AWS has put a time to; undefined if there was none. */
  get seconds(): number | undefined {
    if (this.#times.length === 0) return undefined;
    return (Math.max(...this.#times) - Math.min(...this.#times)) / 1000;
  }

  places(removal: RemovalName): Places {
    return this.target.places(removal);
  }

  /** What the gateway does with this case's images, from now on. */
  gateway(switches: Switches): Promise<void> {
    return this.target.gateway.set(this.token, switches);
  }

  accepted(): Promise<number> {
    return this.target.gateway.accepted(this.token);
  }

  async upload(removal: RemovalName, name: string, body: Uint8Array | string): Promise<Upload> {
    const { uploads, uploadsPrefix } = this.places(removal);
    const stored = await this.target.objects.put(uploads, `${uploadsPrefix}${this.token}/${name}`, body);
    await this.#note(stored.bucket, stored.key);
    return { ...stored, removal };
  }

  /** The execution that an upload started, once there is one. Without versions, only the first of its key is found. */
  async executionOf(upload: Upload, ms?: number): Promise<Execution> {
    const { stateMachineArn } = this.places(upload.removal);
    const { executions } = this.target;
    if (upload.versionId !== undefined) {
      const arn = executionArn(stateMachineArn, executionName(upload));
      return this.until('the execution of the upload', () => executions.find(arn), ms);
    }
    const look = async () => {
      for (const arn of await executions.named(stateMachineArn, this.token)) {
        const execution = await executions.find(arn);
        const { key, etag } = JSON.parse(execution?.input ?? '{}');
        if (key === upload.key && etag === upload.etag) return execution;
      }
      return undefined;
    };
    return this.until('the execution of the upload', look, ms);
  }

  /** Waits until the execution of an upload has ended: so long for its start, and as long again for its end. */
  async ended(upload: Upload, ms?: number): Promise<Execution> {
    const { executionArn: arn = '' } = await this.executionOf(upload, ms);
    return this.endOf(arn, ms);
  }

  async endOf(arn: string, ms?: number): Promise<Execution> {
    const execution = await this.until(
      'the end of an execution',
      async () => {
        const found = await this.target.executions.find(arn);
        return found?.status === 'RUNNING' ? undefined : found;
      },
      ms,
    );
    for (const date of [execution.startDate, execution.stopDate]) if (date) this.#times.push(date.getTime());
    return execution;
  }

  /** Starts an execution under a name of this case's, and waits until it has ended. */
  async run(stateMachineArn: string, name: string, input: unknown, ms?: number): Promise<Execution> {
    return this.endOf(await this.target.executions.start(stateMachineArn, `${this.token}-${name}`, input), ms);
  }

  history(execution: Execution): Promise<HistoryEvent[]> {
    return this.target.executions.history(execution.executionArn ?? '');
  }

  /** Waits until an execution has entered a state. */
  async entered(execution: Execution, state: string): Promise<void> {
    await this.until(`the state "${state}"`, async () => {
      const events = await this.history(execution);
      return events.some(({ stateEnteredEventDetails: entered }) => entered?.name === state) || undefined;
    });
  }

  /** Waits until the gateway has fetched the image that was submitted last. */
  async fetched(): Promise<void> {
    await this.until(
      'the gateway to fetch the image',
      async () => (await this.target.gateway.hasFetched(this.token)) || undefined,
    );
  }

  /** The bytes of a result. */
  async result({ bucket, key }: StoredResult): Promise<Buffer> {
    await this.#note(bucket, key);
    const bytes = await this.target.objects.get(bucket, key);
    if (bytes === undefined) throw new Error(`There is no object ${key}`);
    return bytes;
  }

  /** The error file of an upload, once it is there. */
  errorFile(upload: Upload): Promise<Record<string, unknown>> {
    return this.until('the error file', async () => {
      const file = await this.target.objects.get(
        this.places(upload.removal).results,
        `${this.resultKey(upload)}.error.json`,
      );
      return file && JSON.parse(file.toString());
    });
  }

  /** Key of an upload's result without its extension, where the key is short and plain. */
  resultKey({ removal, key }: Upload): string {
    const { uploadsPrefix, resultsPrefix } = this.places(removal);
    return resultsPrefix + key.slice(uploadsPrefix.length);
  }

  /** Waits for something to be there. @throws Error if it is not in time */
  async until<T>(what: string, look: () => Promise<T | undefined>, ms = PATIENCE_MS): Promise<T> {
    const deadline = Date.now() + ms;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (Date.now() > deadline) throw new Error(`Waited ${Math.round(ms / 1000)} s for ${what}, which did not come.`);
      await sleep(this.target.platform.lookMs);
    }
  }

  async #note(bucket: string, key: string): Promise<void> {
    const { LastModified } = (await this.target.objects.head(bucket, key)) ?? {};
    if (LastModified) this.#times.push(LastModified.getTime());
  }
}
