import { AwsError, type Operation } from '../aws-api.ts';
import type { LocalQueue } from '../queue.ts';
import type { Template } from '../template.ts';

/** Lambda's event source mappings, as far as they can be switched off and on: by UUID, the queue that each reads. */
export class EventSources {
  readonly #queues = new Map<string, LocalQueue>();

  /**
   * Has functions read queues as the template says. Whether a mapping is enabled stays as it is if the template does not say.
   *
   * @param invoke Hands a batch of a queue to a function.
   */
  replace(
    template: Template,
    queues: ReadonlyMap<string, LocalQueue>,
    invoke: (functionName: string, queueArn: string, event: unknown) => Promise<unknown>,
  ): void {
    for (const { logicalId, properties } of template.resources('AWS::Lambda::EventSourceMapping')) {
      const { FunctionName, EventSourceArn, BatchSize = 10, ScalingConfig, Enabled } = properties;
      const queue = queues.get(EventSourceArn);
      if (queue === undefined) throw new Error(`The template names ${EventSourceArn}, which it does not make`);
      this.#queues.set(template.ref(logicalId), queue);
      if (Enabled !== undefined) queue.isRead = Enabled;
      queue.consume({
        invoke: (event) => invoke(FunctionName, EventSourceArn, event),
        batchSize: BatchSize,
        maxConcurrency: ScalingConfig?.MaximumConcurrency ?? 1000,
      });
    }
  }

  /** Lambda's API. A change is done at once, which on AWS takes up to about a minute. */
  readonly operations: Record<string, Operation> = {
    'lambda.GetEventSourceMapping': ({ UUID }) => this.#describe(UUID),
    'lambda.UpdateEventSourceMapping': ({ UUID, Enabled }) => {
      this.#find(UUID).isRead = Enabled;
      return this.#describe(UUID);
    },
  };

  #describe(UUID: string): object {
    const { arn, isRead } = this.#find(UUID);
    return { UUID, EventSourceArn: arn, State: isRead ? 'Enabled' : 'Disabled' };
  }

  #find(uuid: string): LocalQueue {
    const queue = this.#queues.get(uuid);
    if (queue) return queue;
    throw new AwsError('ResourceNotFoundException', 'The resource you requested does not exist.', 404);
  }
}
