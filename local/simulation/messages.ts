import { type BusEvent, EventBus } from '../event-bus.ts';
import { inputOf } from '../event-target.ts';
import { addQueues, type LocalQueue } from '../queue.ts';
import type { Deployment } from './deployment.ts';
import type { Invocations } from './invocations.ts';
import type { WorldEvents } from './world-events.ts';

/** EventBridge and SQS: brings events to the deployment's functions. */
export class Messages {
  readonly #bus = new EventBus();
  readonly #queues = new Map<string, LocalQueue>();
  readonly #invocations: Invocations;
  readonly #events: WorldEvents;

  constructor({ template, rules, mappings }: Deployment, invocations: Invocations, events: WorldEvents) {
    this.#invocations = invocations;
    this.#events = events;
    addQueues(this.#queues, template);
    for (const { pattern, targets } of rules) {
      for (const target of targets)
        this.#bus.addRule(pattern, (event) => this.#deliver(target.Arn, inputOf(target, event)));
    }
    for (const { queueArn, functionArn, batchSize, maxConcurrency } of mappings) {
      const invoke = (event: unknown) => {
        // Received, and deleted afterwards.
        events.emit('queue', 2);
        return invocations.invoke(functionArn, event);
      };
      this.#queue(queueArn).consume({ invoke, batchSize, maxConcurrency });
    }
  }

  put(event: BusEvent): void {
    this.#events.emit('event', event);
    this.#bus.put(event);
  }

  /** A person moves dead letters back to their queues. @returns how many there were */
  moveDeadLettersBack(): number {
    let moved = 0;
    for (const queue of this.#queues.values()) {
      for (const body of queue.deadLetters?.drain() ?? []) {
        queue.send(body);
        moved++;
      }
    }
    return moved;
  }

  #deliver(arn: string, input: string): void {
    const queue = this.#queues.get(arn);
    // Of the failure of an asynchronous invocation nobody is told.
    if (queue === undefined) return void this.#invocations.invoke(arn, JSON.parse(input)).catch(() => undefined);
    this.#events.emit('queue', 1);
    queue.send(input);
  }

  #queue(arn: string): LocalQueue {
    const queue = this.#queues.get(arn);
    if (queue === undefined) throw new Error(`There is no queue ${arn}`);
    return queue;
  }
}
