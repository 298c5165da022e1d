import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, it, onTestFinished } from 'vitest';
import { serveAwsApi } from '../../../local/aws-api.ts';
import { queueOperations } from '../../../local/cloud/queues.ts';
import { LocalQueue } from '../../../local/queue.ts';

it('a message that a person sends waits in the queue; a queue that does not exist takes none', async () => {
  const arn = 'arn:aws:sqs:us-east-1:000000000000:uploads';
  const queue = new LocalQueue({ arn, visibilityMs: 10 });
  const api = await serveAwsApi(queueOperations(new Map([[arn, queue]])));
  const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
  const client = new SQSClient({ endpoint: api.url, region: 'us-east-1', credentials });
  onTestFinished(async () => {
    client.destroy();
    await api.close();
  });
  const url = (name: string) => `https://sqs.us-east-1.amazonaws.com/000000000000/${name}`;
  await client.send(new SendMessageCommand({ QueueUrl: url('uploads'), MessageBody: 'hello' }));
  expect(queue.bodies).toEqual(['hello']);
  const nowhere = client.send(new SendMessageCommand({ QueueUrl: url('nowhere'), MessageBody: 'hello' }));
  await expect(nowhere).rejects.toMatchObject({ name: 'QueueDoesNotExist' });
});
