import { DeleteItemCommand, GetItemCommand, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { DailyLimit } from '../../../functions/spending/daily-limit.ts';
import { AwsError } from '../../../local/aws-api.ts';
import { LocalDynamoDb } from '../../../local/dynamodb.ts';
import { failureOf } from '../failure-of.ts';

const TABLE = 'days';
const LIMIT = 20;
const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local-secret' };

let dynamoDb: LocalDynamoDb;
let limit: DailyLimit;

beforeAll(async () => {
  dynamoDb = await LocalDynamoDb.start(CREDENTIALS);
  await dynamoDb.replaceTables([{ name: TABLE, partitionKey: 'day' }]);
  await waitUntilTableExists({ client: dynamoDb.client, maxWaitTime: 10, minDelay: 0.05 }, { TableName: TABLE });
  // As a function finds its table.
  vi.stubEnv('AWS_ENDPOINT_URL_DYNAMODB', dynamoDb.url);
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', CREDENTIALS.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', CREDENTIALS.secretAccessKey);
  limit = new DailyLimit(TABLE, LIMIT);
});
beforeEach(async () => {
  dynamoDb.onRequest = undefined;
  await forget();
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-22T23:59:59Z') });
});
afterAll(async () => {
  vi.useRealTimers();
  await dynamoDb.close();
});

/** All counts go. */
async function forget(): Promise<void> {
  for (const S of ['2026-11-22', '2026-11-23']) {
    await dynamoDb.client.send(new DeleteItemCommand({ TableName: TABLE, Key: { day: { S } } }));
  }
}

async function countOf(day: string): Promise<number> {
  const { Item } = await dynamoDb.client.send(new GetItemCommand({ TableName: TABLE, Key: { day: { S: day } } }));
  return Number(Item?.submissions?.N ?? 0);
}

const take = () => limit.take().catch((error: Error) => error.name);

describe('the daily limit', () => {
  it('is never passed, however many count at once', async () => {
    const taken = await Promise.all(Array.from({ length: 5 * LIMIT }, take));
    expect(taken.filter((each) => each === '2026-11-22')).toHaveLength(LIMIT);
    expect(taken.filter((each) => each === 'DailyLimitReached')).toHaveLength(4 * LIMIT);
    expect(await countOf('2026-11-22')).toBe(LIMIT);
  });

  it('is refused with the day and the limit in words, and what to do', async () => {
    for (let n = 0; n < LIMIT; n++) await limit.take();
    const { name, message } = await failureOf(limit.take());
    expect(name).toBe('DailyLimitReached');
    expect(message).toMatch(
      /^As many images as 20 have been submitted on 2026-11-22 \(UTC\)\. After 00:00 UTC, .*redrive/,
    );
  });

  it('begins anew at midnight, UTC; what is given back late goes to the day it was counted on', async () => {
    const days = await Promise.all(Array.from({ length: LIMIT }, () => limit.take()));
    vi.setSystemTime(new Date('2026-11-23T00:00:00Z'));
    expect(await limit.take()).toBe('2026-11-23');
    await limit.giveBack(days[0] ?? '');
    expect(await countOf('2026-11-22')).toBe(LIMIT - 1);
    expect(await countOf('2026-11-23')).toBe(1);
  });

  it('counts once or twice if the answer of the table is lost, and never gives back twice', async () => {
    await limit.take();
    await limit.take();
    let requests = 0;
    dynamoDb.onRequest = () => {
      requests++;
      return requests === 1 ? new AwsError('InternalServerError', 'down', 500) : undefined;
    };
    await expect(limit.giveBack('2026-11-22')).rejects.toThrow();
    expect(requests).toBe(1);
    expect(await countOf('2026-11-22')).toBe(2);
    requests = 0;
    await limit.take();
    expect(await countOf('2026-11-22')).toBe(3);
  });

  it('gives nothing back to a table that was made anew', async () => {
    await limit.take();
    await forget();
    await expect(limit.giveBack('2026-11-22')).rejects.toThrow();
    expect(await countOf('2026-11-22')).toBe(0);
  });
});
