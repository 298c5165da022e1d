import type { WorldEvents } from '../local/simulation/world-events.ts';
import { PRICES } from './prices.ts';

/** CPU time of a warm invocation, in milliseconds, which simulated time does not have: assumed. */
export const CPU_MS = 30;
/** What Lambda itself logs of an invocation, and how long an event is in the log of a state machine, in bytes: assumed. */
const PLATFORM_LOG_BYTES = 350;
/** What it logs besides of one that throws. */
const THROWN_LOG_BYTES = 350;
const HISTORY_LOG_BYTES = 400;
/** Events that Step Functions logs of a task, and of any other state. */
const EVENTS_OF_TASK = 5;
const EVENTS_OF_STATE = 2;

/** S3's operations that are billed as writing; DeleteObject is free, and the others are billed as reading. */
const S3_WRITES = ['PutObject', 'ListObjectsV2', 'CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload'];
const S3_READS = ['GetObject', 'HeadObject'];

/** What AWS charges, in US dollars. */
export interface Dollars {
  transitions: number;
  lambda: number;
  s3: number;
  other: number;
  total: number;
}

/** Counts what AWS bills of a world. */
export class Meters {
  transitions = 0;
  #tasks = 0;
  #events = 0;
  #sqsRequests = 0;
  #logBytes = 0;
  #invocations = 0;
  #gbSeconds = 0;
  readonly #calls = new Map<string, number>();

  constructor(world: WorldEvents) {
    world.on('transition', (isTask) => {
      this.transitions++;
      if (isTask) this.#tasks++;
    });
    world.on('invocation', ({ memoryMb }, ms, hasThrown) => {
      this.#invocations++;
      this.#logBytes += PLATFORM_LOG_BYTES + (hasThrown ? THROWN_LOG_BYTES : 0);
      this.#gbSeconds += ((ms + CPU_MS) / 1000) * (memoryMb / 1024);
    });
    world.on('call', (operation) => this.#calls.set(operation, this.#count(operation) + 1));
    world.on('event', ({ source }) => {
      // Those of AWS's other services are free.
      if (source === 'aws.s3') this.#events++;
    });
    world.on('queue', (requests) => {
      this.#sqsRequests += requests;
    });
    world.on('log', ({ length }) => {
      this.#logBytes += length;
    });
  }

  /** @param images Among how many the money is divided. */
  dollars(images: number): Dollars {
    const history = this.#tasks * EVENTS_OF_TASK + (this.transitions - this.#tasks) * EVENTS_OF_STATE;
    const logBytes = this.#logBytes + history * HISTORY_LOG_BYTES;
    const transitions = (this.transitions * PRICES.transition) / images;
    const lambda = (this.#invocations * PRICES.request + this.#gbSeconds * PRICES.gbSecond) / images;
    const s3 = (this.#count(...S3_WRITES) * PRICES.s3Put + this.#count(...S3_READS) * PRICES.s3Get) / images;
    const other =
      (this.#events * PRICES.event +
        this.#sqsRequests * PRICES.sqs +
        this.#count('UpdateItem') * PRICES.dynamoDbWrite +
        this.#count('GetSecretValue') * PRICES.secretRead +
        (logBytes / 1e9) * PRICES.logGb) /
      images;
    return { transitions, lambda, s3, other, total: transitions + lambda + s3 + other };
  }

  #count(...operations: string[]): number {
    return operations.reduce((sum, operation) => sum + (this.#calls.get(operation) ?? 0), 0);
  }
}
