import { PRICES } from '../prices.ts';
import type { BilledFunction } from './system.ts';

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

/** S3's operations that are billed as writing; the others are billed as reading, or are free. */
const WRITES = ['PutObject', 'ListObjectsV2', 'CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload'];

/** Counts what AWS bills, in simulated time. */
export class Meters {
  transitions = 0;
  tasks = 0;
  events = 0;
  sqsRequests = 0;
  dynamoDbWrites = 0;
  secretReads = 0;
  logBytes = 0;
  #s3Writes = 0;
  #s3Reads = 0;
  #invocations = 0;
  #gbSeconds = 0;

  /** A function has run for so many milliseconds. */
  invoked({ memoryMb }: BilledFunction, ms: number, hasThrown: boolean): void {
    this.#invocations++;
    this.logBytes += PLATFORM_LOG_BYTES + (hasThrown ? THROWN_LOG_BYTES : 0);
    this.#gbSeconds += ((ms + CPU_MS) / 1000) * (memoryMb / 1024);
  }

  s3(operation: string): void {
    if (WRITES.includes(operation)) this.#s3Writes++;
    else if (operation !== 'DeleteObject') this.#s3Reads++;
  }

  /** In US dollars. */
  get dollars(): { transitions: number; lambda: number; s3: number; other: number; total: number } {
    const history = this.tasks * EVENTS_OF_TASK + (this.transitions - this.tasks) * EVENTS_OF_STATE;
    const logBytes = this.logBytes + history * HISTORY_LOG_BYTES;
    const transitions = this.transitions * PRICES.transition;
    const lambda = this.#invocations * PRICES.request + this.#gbSeconds * PRICES.gbSecond;
    const s3 = this.#s3Writes * PRICES.s3Put + this.#s3Reads * PRICES.s3Get;
    const other =
      this.events * PRICES.event +
      this.sqsRequests * PRICES.sqs +
      this.dynamoDbWrites * PRICES.dynamoDbWrite +
      this.secretReads * PRICES.secretRead +
      (logBytes / 1e9) * PRICES.logGb;
    return { transitions, lambda, s3, other, total: transitions + lambda + s3 + other };
  }
}
