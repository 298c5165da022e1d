import { createHash, randomUUID } from 'node:crypto';
import { AwsError, type Operation } from '../aws-api.ts';
import type { LocalQueue } from '../queue.ts';
import { queueUrl } from '../template.ts';

/** SQS's API, as far as it tells of queues, and moves what came to a dead-letter queue. */
export function queueOperations(queues: ReadonlyMap<string, LocalQueue>): Record<string, Operation> {
  const find = (is: (arn: string) => boolean) => {
    const found = [...queues].find(([arn]) => is(arn))?.[1];
    if (found) return found;
    throw new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');
  };
  const named = (name: string | undefined) => find((arn) => nameOf(arn) === name);
  return {
    'AmazonSQS.ListQueues': ({ QueueNamePrefix = '' }) => ({
      QueueUrls: [...queues.keys()]
        .map(nameOf)
        .flatMap((name) => (name.startsWith(QueueNamePrefix) ? queueUrl(name) : [])),
    }),
    'AmazonSQS.GetQueueUrl': ({ QueueName }) => ({ QueueUrl: queueUrl(nameOf(named(QueueName).arn)) }),
    'AmazonSQS.GetQueueAttributes': ({ QueueUrl, AttributeNames = [] }) => {
      const { arn, attributes } = named(String(QueueUrl).split('/').at(-1));
      const isAsked = (name: string) => AttributeNames.includes(name) || AttributeNames.includes('All');
      const all = Object.entries({ QueueArn: arn, ...attributes });
      return { Attributes: Object.fromEntries(all.filter(([name]) => isAsked(name))) };
    },
    'AmazonSQS.SendMessage': ({ QueueUrl, MessageBody }) => {
      named(String(QueueUrl).split('/').at(-1)).send(MessageBody);
      return { MessageId: randomUUID(), MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex') };
    },
    'AmazonSQS.StartMessageMoveTask': ({ SourceArn, DestinationArn }) => {
      const destination = find((arn) => arn === DestinationArn);
      for (const body of find((arn) => arn === SourceArn).drain()) destination.send(body);
      return {};
    },
  };
}

function nameOf(arn: string): string {
  return arn.split(':').at(-1) ?? '';
}
