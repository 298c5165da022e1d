import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import type { Deployment } from './deployment.ts';

/** What the daily limit leaves of today, in words; undefined if there is none. */
export async function limitInWords({ outputs }: Deployment): Promise<string | undefined> {
  const table = outputs.optional('DailyLimitTable');
  const limit = Number(outputs.optional('ImagesPerDay'));
  if (table === undefined) return undefined;
  const day = new Date().toISOString().slice(0, 10);
  const item = new GetItemCommand({ TableName: table, Key: { day: { S: day } }, ConsistentRead: true });
  const { Item } = await new DynamoDBClient({}).send(item);
  const left = Math.max(0, limit - Number(Item?.submissions?.N ?? 0));
  return `The daily limit is ${limit} images; ${left} are left of it today, ${day} (UTC).`;
}
