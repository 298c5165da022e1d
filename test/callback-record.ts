import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { submissionId } from '../functions/callbacks/table.ts';
import type { LocalCloud } from '../local/cloud.ts';
import type { Execution } from '../local/step-functions.ts';

/** What the table of callbacks knows of a submission of an execution. */
export async function callbackRecord({ template, dynamoDb }: LocalCloud, { name }: Execution, submission = 1) {
  const TableName = template.ref(template.resources('AWS::DynamoDB::Table')[0]?.logicalId ?? '');
  const Key = { submission: { S: submissionId(name, submission) } };
  return (await dynamoDb?.client.send(new GetItemCommand({ TableName, Key, ConsistentRead: true })))?.Item;
}
