import { UpdateItemCommand, type UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import { AwsError, type Operation } from '../aws-api.ts';
import type { LocalDynamoDb } from '../dynamodb.ts';

const SERVICE = 'DynamoDB_20120810';
const OPERATIONS = ['DescribeTable', 'GetItem', 'Query', 'Scan', 'PutItem', 'UpdateItem', 'DeleteItem'];

/** DynamoDB's API at the endpoint of all other services: passed on to where the tables are, if there are any. */
export function tableOperations(dynamoDb: () => LocalDynamoDb | undefined): Record<string, Operation> {
  const passedOn = (operation: string): Operation => {
    return (input) => {
      const tables = dynamoDb();
      if (tables) return pass(tables, operation, input);
      if (operation === 'ListTables') return { TableNames: [] };
      throw new AwsError(
        'ResourceNotFoundException',
        'Requested resource not found: there are no tables without webhook or imagesPerDay',
      );
    };
  };
  const names = ['ListTables', ...OPERATIONS];
  return Object.fromEntries(names.map((name) => [`${SERVICE}.${name}`, passedOn(name)]));
}

async function pass({ url }: LocalDynamoDb, operation: string, input: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `${SERVICE}.${operation}`,
      // It has to be there, and is not checked.
      authorization: 'AWS4-HMAC-SHA256 Credential=local, SignedHeaders=host, Signature=none',
      'x-amz-date': 'now',
    },
    body: JSON.stringify(input),
  });
  const answer = (await response.json()) as { __type?: string; message?: string; Message?: string };
  if (response.ok) return answer;
  const name = answer.__type?.split('#').at(-1) ?? 'InternalFailure';
  throw new AwsError(name, answer.message ?? answer.Message ?? name, response.status);
}

/** As a state of a state machine asks for it. */
export async function updateItem(dynamoDb: LocalDynamoDb | undefined, input: unknown): Promise<unknown> {
  return dynamoDb?.client.send(new UpdateItemCommand(input as UpdateItemCommandInput));
}
