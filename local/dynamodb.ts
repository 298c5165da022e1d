import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { CreateTableCommand, DeleteTableCommand, DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import { type AwsError, accessKeyIn } from './aws-api.ts';
import { REGION } from './template.ts';

/** A request to change an item, as far as it tells who makes it. */
export interface ItemUpdate {
  UpdateExpression?: string;
  ConditionExpression?: string;
}

/** DynamoDB in memory, on 127.0.0.1 and a free port. */
export class LocalDynamoDb {
  readonly url: string;
  readonly client: DynamoDBClient;
  /** Sees each request before it is carried out, may hold it up, and may refuse it. */
  onRequest: ((input: ItemUpdate) => AwsError | undefined | Promise<AwsError | undefined>) | undefined;
  /** Sees each request, and by whose access key it is signed. */
  onCall: ((operation: string, input: unknown, accessKeyId?: string) => void) | undefined;
  readonly #server: Server;

  static async start(credentials: { accessKeyId: string; secretAccessKey: string }): Promise<LocalDynamoDb> {
    const server: Server = dynalite({ createTableMs: 0, updateTableMs: 0, deleteTableMs: 0 });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return new LocalDynamoDb(server, `http://127.0.0.1:${port}`, credentials);
  }

  /** Has exactly these tables, by name and partition key: makes those that are missing, and deletes all others. */
  async replaceTables(tables: { name: string; partitionKey: string }[]): Promise<void> {
    const { TableNames = [] } = await this.client.send(new ListTablesCommand());
    for (const TableName of TableNames.filter((each) => !tables.some(({ name }) => name === each))) {
      await this.client.send(new DeleteTableCommand({ TableName }));
    }
    for (const { name, partitionKey } of tables.filter(({ name }) => !TableNames.includes(name))) {
      await this.client.send(
        new CreateTableCommand({
          TableName: name,
          KeySchema: [{ AttributeName: partitionKey, KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: partitionKey, AttributeType: 'S' }],
          BillingMode: 'PAY_PER_REQUEST',
        }),
      );
    }
  }

  private constructor(server: Server, url: string, credentials: { accessKeyId: string; secretAccessKey: string }) {
    this.#server = server;
    this.url = url;
    this.client = new DynamoDBClient({ endpoint: url, region: REGION, credentials });
    const handlers = server.listeners('request');
    server.removeAllListeners('request').on('request', (request: IncomingMessage, response: ServerResponse) => {
      // Whoever asked may be gone before the request is whole.
      this.#answer(handlers, request, response).catch(() => response.destroy());
    });
  }

  async #answer(handlers: unknown[], request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const input = JSON.parse(body.toString() || '{}');
    this.onCall?.(String(request.headers['x-amz-target']), input, accessKeyIn(request));
    const refusal = await this.onRequest?.(input);
    if (refusal) return refuse(response, refusal);
    const { method, url, headers } = request;
    const again = Object.assign(Readable.from([body]), { method, url, headers });
    for (const handler of handlers) (handler as (...given: unknown[]) => void).call(this.#server, again, response);
  }

  async close(): Promise<void> {
    this.client.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function refuse(response: ServerResponse, { name, message, status }: AwsError): void {
  const body = JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message });
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(body);
}
