import { randomUUID } from 'node:crypto';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { FunctionError } from './lambda.ts';
import { REGION, type Resource, type Template } from './template.ts';

export interface QueueOptions {
  arn: string;
  /** How long a message that failed stays invisible, in milliseconds. */
  visibilityMs: number;
  /** After how many receives a message goes to `deadLetters`. @default - never */
  maxReceiveCount?: number | undefined;
  deadLetters?: LocalQueue | undefined;
}

/** A function that takes from the queue. */
interface Consumer {
  invoke: (event: unknown) => Promise<unknown>;
  batchSize: number;
  maxConcurrency: number;
}

interface Message {
  id: string;
  body: string;
  receives: number;
}

/** Adds the queues of a template, by ARN, that are not there yet. @param visibilityMs In place of the template's. */
export function addQueues(queues: Map<string, LocalQueue>, template: Template, visibilityMs?: number): void {
  // Dead-letter queues first: the others refer to them.
  const depth = ({ properties }: Resource) => (properties.RedrivePolicy === undefined ? 0 : 1);
  const resources = template.resources('AWS::SQS::Queue').sort((a, b) => depth(a) - depth(b));
  for (const { logicalId, properties } of resources) {
    const { maxReceiveCount, deadLetterTargetArn } = properties.RedrivePolicy ?? {};
    const arn = template.arn(logicalId);
    if (queues.has(arn)) continue;
    queues.set(
      arn,
      new LocalQueue({
        ...{ arn, maxReceiveCount, deadLetters: queues.get(deadLetterTargetArn) },
        visibilityMs: visibilityMs ?? (properties.VisibilityTimeout ?? 30) * 1000,
      }),
    );
  }
}

/** An SQS queue with an event source mapping: hands batches to a function, takes back what it says has failed. */
export class LocalQueue {
  readonly #options: QueueOptions;
  readonly #visible: Message[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #consumer: Consumer | undefined;
  #isRead = true;
  #running = 0;
  /** Messages that the consumer has at hand. */
  #inFlight = 0;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  get arn(): string {
    return this.#options.arn;
  }

  /** How many messages there are, as GetQueueAttributes tells it. */
  get attributes(): Record<string, string> {
    return {
      ApproximateNumberOfMessages: String(this.#visible.length),
      ApproximateNumberOfMessagesNotVisible: String(this.#inFlight + this.#timers.size),
      ApproximateNumberOfMessagesDelayed: '0',
    };
  }

  get deadLetters(): LocalQueue | undefined {
    return this.#options.deadLetters;
  }

  /** Bodies of the messages that wait, as a look into a dead-letter queue shows them. */
  get bodies(): string[] {
    return this.#visible.map((message) => message.body);
  }

  /** Whether the event source mapping is enabled: while it is not, messages wait. */
  get isRead(): boolean {
    return this.#isRead;
  }

  set isRead(isRead: boolean) {
    this.#isRead = isRead;
    this.#poll();
  }

  /** Whether messages are under way to the consumer, are being processed, or will come back. */
  get isBusy(): boolean {
    if (this.#consumer === undefined) return false;
    return this.#running > 0 || (this.#isRead && (this.#visible.length > 0 || this.#timers.size > 0));
  }

  /** Takes out all messages that wait. */
  drain(): string[] {
    return this.#visible.splice(0).map((message) => message.body);
  }

  send(body: string): void {
    this.#visible.push({ id: randomUUID(), body, receives: 0 });
    this.#poll();
  }

  /** The event source mapping. */
  consume(consumer: Consumer): void {
    this.#consumer = consumer;
    this.#poll();
  }

  close(): void {
    this.#consumer = undefined;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #poll(): void {
    while (
      this.#isRead &&
      this.#consumer &&
      this.#running < this.#consumer.maxConcurrency &&
      this.#visible.length > 0
    ) {
      this.#running++;
      void this.#process(this.#visible.splice(0, this.#consumer.batchSize), this.#consumer.invoke).finally(() => {
        this.#running--;
        this.#poll();
      });
    }
  }

  async #process(batch: Message[], invoke: (event: unknown) => Promise<unknown>): Promise<void> {
    for (const message of batch) message.receives++;
    this.#inFlight += batch.length;
    let failed: Set<string>;
    try {
      const response = (await invoke({ Records: batch.map((message) => this.#record(message)) })) as SQSBatchResponse;
      failed = new Set(response?.batchItemFailures?.map((failure) => failure.itemIdentifier));
    } catch (error) {
      // Anything but the function's own failure is a fault of this machine's, and must not look like a quiet queue.
      if (!(error instanceof FunctionError)) throw error;
      failed = new Set(batch.map((message) => message.id));
    }
    this.#inFlight -= batch.length;
    for (const message of batch.filter(({ id }) => failed.has(id))) this.#takeBack(message);
  }

  #takeBack(message: Message): void {
    const { maxReceiveCount, deadLetters, visibilityMs } = this.#options;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (deadLetters && maxReceiveCount !== undefined && message.receives >= maxReceiveCount) {
        return deadLetters.send(message.body);
      }
      this.#visible.push(message);
      this.#poll();
    }, visibilityMs);
    this.#timers.add(timer);
  }

  #record(message: Message): SQSRecord {
    return {
      messageId: message.id,
      receiptHandle: message.id,
      body: message.body,
      attributes: {
        ApproximateReceiveCount: String(message.receives),
        SentTimestamp: String(Date.now()),
        SenderId: 'events.amazonaws.com',
        ApproximateFirstReceiveTimestamp: String(Date.now()),
      },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: this.#options.arn,
      awsRegion: REGION,
    };
  }
}
