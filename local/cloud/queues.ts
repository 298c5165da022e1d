import { AwsError, type Operation } from '../aws-api.ts';
import type { LocalQueue } from '../queue.ts';

/** SQS's API, as far as functions and commands use it. */
export function queueOperations(queues: ReadonlyMap<string, LocalQueue>): Record<string, Operation> {
  const find = (is: (arn: string) => boolean) => {
    const found = [...queues].find(([arn]) => is(arn))?.[1];
    if (found) return found;
    throw new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');
  };
  return {
    'AmazonSQS.GetQueueAttributes': ({ QueueUrl }) => {
      const name = String(QueueUrl).split('/').at(-1);
      return { Attributes: find((arn) => arn.endsWith(`:${name}`)).attributes };
    },
    'AmazonSQS.StartMessageMoveTask': ({ SourceArn, DestinationArn }) => {
      const destination = find((arn) => arn === DestinationArn);
      for (const body of find((arn) => arn === SourceArn).drain()) destination.send(body);
      return {};
    },
  };
}
