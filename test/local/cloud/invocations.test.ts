import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { expect, it, onTestFinished } from 'vitest';
import { serveAwsApi } from '../../../local/aws-api.ts';
import { invokeOperation } from '../../../local/cloud/invocations.ts';

/** A client of functions that return their name and event. Notes those that are not waited for. */
async function lambda() {
  const later: unknown[] = [];
  const api = await serveAwsApi(
    invokeOperation(
      () => [{ name: 'f', arn: 'arn:aws:lambda:us-east-1:000000000000:function:f' }],
      async (name, event) => ({ name, event }),
      async (name, event) => void later.push({ name, event }),
    ),
  );
  const client = new LambdaClient({
    endpoint: api.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  });
  onTestFinished(async () => {
    client.destroy();
    await api.close();
  });
  return { client, later };
}

it('a function is invoked by its name, and what it returns is the answer', async () => {
  const { client } = await lambda();
  const { Payload } = await client.send(new InvokeCommand({ FunctionName: 'f', Payload: JSON.stringify({ a: 1 }) }));
  expect(JSON.parse(Payload?.transformToString() ?? '')).toEqual({ name: 'f', event: { a: 1 } });
});

it('a function that is invoked as an event is not waited for', async () => {
  const { client, later } = await lambda();
  await client.send(new InvokeCommand({ FunctionName: 'f', InvocationType: 'Event', Payload: '{"a":1}' }));
  expect(later).toEqual([{ name: 'f', event: { a: 1 } }]);
});

it('a function that does not exist is said not to be found', async () => {
  const { client } = await lambda();
  const nowhere = client.send(new InvokeCommand({ FunctionName: 'nowhere' }));
  await expect(nowhere).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});
