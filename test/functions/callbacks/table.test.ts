import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CallbackTable } from '../../../functions/callbacks/table.ts';
import { LocalDynamoDb } from '../../../local/dynamodb.ts';

let database: LocalDynamoDb;
let table: CallbackTable;
beforeAll(async () => {
  database = await LocalDynamoDb.start({ accessKeyId: 'id', secretAccessKey: 'secret' });
  await database.replaceTables([{ name: 'callbacks', partitionKey: 'submission' }]);
  table = new CallbackTable(database.client, 'callbacks');
});
afterAll(() => database?.close());

describe('the record of a submission', () => {
  it('keeps its capability when the submission is repeated, so that a callback to the first attempt counts', async () => {
    const { capability } = await table.open('cat#1');
    expect((await table.open('cat#1')).capability).toBe(capability);
    expect((await table.open('cat#2')).capability).not.toBe(capability);
    await table.callBack('cat#1', capability, 'bria-1');
    expect((await table.open('cat#1')).requestId).toBe('bria-1');
  });

  it('is told to nobody who does not know its capability', async () => {
    const { capability } = await table.open('dog#1');
    expect(await table.callBack('dog#1', `${capability}x`, 'forged')).toBeUndefined();
    expect(await table.callBack('bird#1', capability)).toBeUndefined();
    expect((await table.open('dog#1')).requestId).toBeUndefined();
  });

  it('keeps the request that the first callback names', async () => {
    const { capability } = await table.open('cow#1');
    for (const requestId of [undefined, 'bria-1', 'bria-2']) await table.callBack('cow#1', capability, requestId);
    expect((await table.open('cow#1')).requestId).toBe('bria-1');
  });
});
