import { type BusEvent, EventBus } from '../event-bus.ts';
import { inputOf } from '../event-target.ts';
import { addQueues, type LocalQueue } from '../queue.ts';
import type { Deployment } from './deployment.ts';
import type { EventSources } from './event-sources.ts';
import type { Invocations } from './invocations.ts';
import type { WorldEvents } from './world-events.ts';

/** EventBridge and SQS: brings events to the deployment's functions. */
export class Messages {
  readonly #bus = new EventBus();
  readonly #queues = new Map<string, LocalQueue>();
  readonly #invocations: Invocations;
  readonly #events: WorldEvents;
  readonly eventSources: EventSources;

  constructor(
    { template, rules, mappings }: Deployment,
    invocations: Invocations,
    events: WorldEvents,
    eventSources: EventSources,
  ) {
    this.eventSources = eventSources;
    this.#invocations = invocations;
    this.#events = events;
    addQueues(this.#queues, template);
    for (const { pattern, targets } of rules) {
      for (const target of targets)
        this.#bus.addRule(pattern, (event) => this.#deliver(target.Arn, inputOf(target, event)));
    }
    for (const { uuid, queueArn, functionArn, batchSize, maxConcurrency } of mappings) {
      const invoke = (event: unknown) => {
        // Received, and deleted afterwards.
        events.emit('queue', 2);
        return invocations.invoke(functionArn, event);
      };
      eventSources.add(uuid, this.#queue(queueArn));
      this.#queue(queueArn).consume({ invoke, batchSize, maxConcurrency });
    }
  }

  put(event: BusEvent): void {
    this.#events.emit('event', event);
    this.#bus.put(event);
  }

  /** SQS's SendMessage. */
  send({ QueueUrl = '', MessageBody = '' }: { QueueUrl?: string; MessageBody?: string }): object {
    const [arn] = [...this.#queues.keys()].filter((each) => each.endsWith(`:${QueueUrl.split('/').at(-1)}`));
    this.#events.emit('queue', 1);
    this.#queue(arn ?? QueueUrl).send(MessageBody);
    return {};
  }

  /** Messages of the queues of this name, dead letters aside, that wait. */
  waitingIn(name: string): number {
    return [...this.#queues.values()].find(({ arn }) => arn.includes(name))?.bodies.length ?? 0;
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
