import type { AddressInfo, Server } from 'node:net';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import { REGION } from './template.ts';

/** DynamoDB in memory, on 127.0.0.1 and a free port. */
export class LocalDynamoDb {
  readonly url: string;
  readonly client: DynamoDBClient;
  readonly #server: Server;

  /** @param tables Name and partition key of each table. */
  static async start(
    tables: { name: string; partitionKey: string }[],
    credentials: { accessKeyId: string; secretAccessKey: string },
  ): Promise<LocalDynamoDb> {
    const server: Server = dynalite({ createTableMs: 0, updateTableMs: 0, deleteTableMs: 0 });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const database = new LocalDynamoDb(server, `http://127.0.0.1:${port}`, credentials);
    for (const { name, partitionKey } of tables) {
      await database.client.send(
        new CreateTableCommand({
          TableName: name,
          KeySchema: [{ AttributeName: partitionKey, KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: partitionKey, AttributeType: 'S' }],
          BillingMode: 'PAY_PER_REQUEST',
        }),
      );
    }
    return database;
  }

  private constructor(server: Server, url: string, credentials: { accessKeyId: string; secretAccessKey: string }) {
    this.#server = server;
    this.url = url;
    this.client = new DynamoDBClient({ endpoint: url, region: REGION, credentials });
  }

  async close(): Promise<void> {
    this.client.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
