import { DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { SendTaskSuccessCommand, SFNClient } from '@aws-sdk/client-sfn';
import type { LambdaFunctionURLEvent } from 'aws-lambda';
import type { Deployment } from '../../local/simulation/deployment.ts';
import type { Definition } from '../../local/step-functions/definition.ts';
import { functionOf, type Source, Steps, task } from './shared.ts';

const TABLE = 'callbacks';

/** A state machine that waits for the callback, and delivers what its payload names without asking the gateway. */
export function trustingWebhook(cutout: Deployment): Deployment {
  const steps = new Steps(cutout);
  const dynamoDb = new DynamoDBClient({});
  const sfn = new SFNClient({});
  const submit = functionOf(cutout, 'trusting-submit', async (event) => {
    const source = event as Source;
    const id = Buffer.from(`${source.key}#${source.versionId}`).toString('base64url');
    await steps.submit(source, id);
    return { ...source, id };
  });
  const onCallback = functionOf(cutout, 'trusting-callback', async (event) => {
    const { rawPath, body = '' } = event as LambdaFunctionURLEvent;
    const { Attributes } = await dynamoDb.send(
      new UpdateItemCommand({
        TableName: TABLE,
        Key: { id: { S: rawPath.slice(1) } },
        UpdateExpression: 'SET calledBackAt = :now',
        ExpressionAttributeValues: { ':now': { S: new Date().toISOString() } },
        ReturnValues: 'ALL_NEW',
      }),
    );
    const taskToken = Attributes?.taskToken?.S;
    // A callback that comes before the state machine waits is lost, unless the gateway calls again.
    if (taskToken === undefined) return { statusCode: 503 };
    await sfn.send(new SendTaskSuccessCommand({ taskToken, output: body }));
    return { statusCode: 204 };
  });
  const deliver = functionOf(cutout, 'trusting-deliver', async (event) => {
    const { key, callback } = event as Source & { callback: { output: { media_url: string[] } } };
    await steps.deliver(key, callback.output.media_url[0] ?? '');
  });
  const definition = {
    StartAt: 'Submit',
    States: {
      Submit: task(submit.arn, { Next: 'Await callback' }),
      'Await callback': {
        Type: 'Task',
        Resource: 'arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken',
        Parameters: {
          TableName: TABLE,
          Key: { id: { 'S.$': '$.id' } },
          UpdateExpression: 'SET taskToken = :token',
          ExpressionAttributeValues: { ':token': { 'S.$': '$$.Task.Token' } },
        },
        TimeoutSeconds: 5400,
        ResultPath: '$.callback',
        Next: 'Deliver',
      },
      Deliver: task(deliver.arn, { End: true }),
    },
  } as Definition;
  return {
    ...cutout,
    name: 'c) trusting webhook',
    functions: [...cutout.functions, submit, onCallback, deliver],
    definition,
    tables: [TABLE],
    callbackArn: onCallback.arn,
  };
}
