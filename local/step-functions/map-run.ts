import { StateMachine } from 'aws-local-stepfunctions';
import type { LocalS3 } from '../s3.ts';
import type { DistributedMap, Json } from './definition.ts';
import { type Execution, named, seconds } from './execution.ts';
import { readItems } from './item-reader.ts';
import { type Child, resultsOf, writeResults } from './result-writer.ts';
import type { CallListener } from './tasks.ts';

/** How many children run at once if the definition does not say, and how much a child's input may hold, as on AWS. */
const MAX_CHILDREN = 10_000;
const MAX_INPUT_BYTES = 256 * 1024;

/** What the interpreter made of the Map state's fields. */
interface MapParameters {
  Input: Json;
  Limits: { MaxConcurrency?: number; ToleratedFailurePercentage?: number; ToleratedFailureCount?: number };
  Source?: Record<string, string>;
  ReaderConfig?: Record<string, Json>;
  Items?: Json;
  ItemBatcher?: { MaxItemsPerBatch?: number; MaxInputBytesPerBatch?: number; BatchInput?: Json };
  Destination?: Record<string, string>;
}

export interface MapRunOptions {
  arn: string;
  executionArn: string;
  stateMachineArn: string;
  map: DistributedMap;
  parameters: Json;
  /** The context object of the parent's execution, for the ItemSelector. */
  context: Record<string, unknown>;
  s3: LocalS3 | undefined;
  /** Sees each call of another service that the Map Run makes. */
  onCall: CallListener;
  /** Starts a child execution. */
  start: (input: string) => Execution;
  ended: (executionArn: string) => Promise<void>;
  stop: (executionArn: string) => void;
  /** Aborts when the parent's execution is stopped. */
  signal: AbortSignal;
}

interface Batch extends Child {
  items: number;
}

/** One run of a Distributed Map: reads the items, runs a child execution for each or for each batch, writes the results. */
export class MapRun {
  readonly arn: string;
  readonly executionArn: string;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'ABORTED' = 'RUNNING';
  readonly #options: MapRunOptions;
  readonly #parameters: MapParameters;
  readonly #startDate = Date.now();
  #stopDate: number | undefined;
  #batches: Batch[] = [];
  #resultsWritten = false;
  #thresholdExceeded = false;

  constructor(options: MapRunOptions) {
    this.arn = options.arn;
    this.executionArn = options.executionArn;
    this.#options = options;
    this.#parameters = options.parameters as unknown as MapParameters;
  }

  /** What the Map state results in. Null if the parent was stopped meanwhile. */
  async run(): Promise<Json> {
    const { signal, map } = this.#options;
    const stop = () => this.#stopChildren();
    signal.addEventListener('abort', stop);
    try {
      const items = await this.#select(this.#read());
      this.#batches = this.#batch(items);
      await this.#runChildren();
      const details = this.#write();
      if (signal.aborted) {
        this.status = 'ABORTED';
        return null;
      }
      if (this.#thresholdExceeded) {
        throw named('States.ExceedToleratedFailureThreshold', 'The specified tolerated failure threshold was exceeded');
      }
      this.status = 'SUCCEEDED';
      if (details) return { MapRunArn: this.arn, ResultWriterDetails: details };
      return resultsOf(this.#batches, map.ResultWriter?.WriterConfig ?? {});
    } catch (error) {
      this.status = 'FAILED';
      throw error;
    } finally {
      this.#stopDate = Date.now();
      signal.removeEventListener('abort', stop);
    }
  }

  /** As ListMapRuns shows it. */
  get listed(): Record<string, unknown> {
    const { executionArn, stateMachineArn } = this.#options;
    const dates = { startDate: seconds(this.#startDate), stopDate: seconds(this.#stopDate) };
    return { executionArn, mapRunArn: this.arn, stateMachineArn, ...dates };
  }

  /** As DescribeMapRun shows it. */
  describe(): Record<string, unknown> {
    const { stateMachineArn: _, ...listed } = this.listed;
    const { MaxConcurrency = 0, ToleratedFailurePercentage = 0, ToleratedFailureCount = 0 } = this.#parameters.Limits;
    return {
      ...listed,
      status: this.status,
      maxConcurrency: MaxConcurrency,
      toleratedFailurePercentage: ToleratedFailurePercentage,
      toleratedFailureCount: ToleratedFailureCount,
      itemCounts: this.#counts(({ items }) => items),
      executionCounts: this.#counts(() => 1),
      redriveCount: 0,
    };
  }

  #counts(weigh: (batch: Batch) => number): Record<string, number> {
    const count = (status?: Execution['status']) =>
      this.#batches.reduce((sum, each) => (each.execution?.status === status ? sum + weigh(each) : sum), 0);
    const total = this.#batches.reduce((sum, each) => sum + weigh(each), 0);
    return {
      pending: count(undefined),
      running: count('RUNNING'),
      succeeded: count('SUCCEEDED'),
      failed: count('FAILED'),
      timedOut: count('TIMED_OUT'),
      aborted: count('ABORTED'),
      total,
      resultsWritten: this.#resultsWritten ? total - count(undefined) : 0,
    };
  }

  #read(): Json[] {
    const { map, s3, onCall } = this.#options;
    const { Items, Source = {}, ReaderConfig = {} } = this.#parameters;
    if (map.ItemReader) return readItems(required(s3), map.ItemReader.Resource, Source, ReaderConfig, onCall);
    if (!Array.isArray(Items)) throw named('States.Runtime', 'The items of a Map state must be an array');
    return Items;
  }

  /** What the ItemSelector makes of each item: evaluated by the interpreter, as the parameters of a Pass state. */
  async #select(items: Json[]): Promise<Json[]> {
    const { map, context } = this.#options;
    const { ItemSelector } = map;
    if (ItemSelector === undefined) return items;
    const selector = new StateMachine(
      { StartAt: 'Select', States: { Select: { Type: 'Pass', Parameters: ItemSelector, End: true } } },
      { validationOptions: { noValidate: true } },
    );
    const select = (item: Json, index: number) =>
      selector.run(this.#parameters.Input, { context: { ...context, Map: { Item: { Index: index, Value: item } } } });
    return Promise.all(items.map((item, index) => select(item, index).result));
  }

  /** As many items for each child as the ItemBatcher allows; without one, each is an input of its own. */
  #batch(items: Json[]): Batch[] {
    const { ItemBatcher: batcher } = this.#parameters;
    if (!batcher) return items.map((item) => ({ input: JSON.stringify(item), items: 1 }));
    const {
      MaxItemsPerBatch = Number.POSITIVE_INFINITY,
      MaxInputBytesPerBatch = MAX_INPUT_BYTES,
      BatchInput,
    } = batcher;
    const inputOf = (batch: Json[]) =>
      JSON.stringify({ ...(BatchInput !== undefined && { BatchInput }), Items: batch });
    const overhead = Buffer.byteLength(inputOf([]));
    const batches: { items: Json[]; bytes: number }[] = [];
    for (const item of items) {
      const bytes = Buffer.byteLength(JSON.stringify(item)) + 1;
      const last = batches.at(-1);
      if (last && last.items.length < MaxItemsPerBatch && last.bytes + bytes <= MaxInputBytesPerBatch) {
        last.items.push(item);
        last.bytes += bytes;
      } else batches.push({ items: [item], bytes: overhead + bytes });
    }
    return batches.map((each) => ({ input: inputOf(each.items), items: each.items.length }));
  }

  async #runChildren(): Promise<void> {
    const { start, ended, signal, onCall, stateMachineArn } = this.#options;
    const waiting = this.#batches.values();
    const work = async () => {
      for (const batch of waiting) {
        if (signal.aborted || this.#thresholdExceeded) return;
        onCall('AWSStepFunctions.StartExecution', { stateMachineArn });
        batch.execution = start(batch.input);
        await ended(batch.execution.arn);
        if (!signal.aborted && this.#isThresholdExceeded()) this.#stopChildren();
      }
    };
    const workers = Math.min(this.#parameters.Limits.MaxConcurrency || MAX_CHILDREN, this.#batches.length);
    await Promise.all(Array.from({ length: workers }, work));
  }

  /** Whether more items failed than are tolerated; of both limits, the first to be passed counts. */
  #isThresholdExceeded(): boolean {
    if (this.#thresholdExceeded) return false;
    const { ToleratedFailureCount: count, ToleratedFailurePercentage: percentage } = this.#parameters.Limits;
    const { failed = 0, timedOut = 0, total = 0 } = this.#counts(({ items }) => items);
    const failures = failed + timedOut;
    const tolerated = Math.min(
      count ?? Number.POSITIVE_INFINITY,
      percentage === undefined && count !== undefined ? Number.POSITIVE_INFINITY : ((percentage ?? 0) / 100) * total,
    );
    this.#thresholdExceeded = failures > tolerated;
    return this.#thresholdExceeded;
  }

  #stopChildren(): void {
    for (const { execution } of this.#batches) {
      if (execution?.status === 'RUNNING') this.#options.stop(execution.arn);
    }
  }

  #write(): { Bucket: string; Key: string } | undefined {
    const { map, s3, onCall } = this.#options;
    const { Destination } = this.#parameters;
    if (!Destination) return undefined;
    const config = map.ResultWriter?.WriterConfig;
    const details = writeResults(required(s3), Destination, config, this.arn, this.#batches, onCall);
    this.#resultsWritten = true;
    return details;
  }
}

function required(s3: LocalS3 | undefined): LocalS3 {
  if (s3 === undefined) throw new Error('A Distributed Map reads from and writes to S3, which is not there');
  return s3;
}
