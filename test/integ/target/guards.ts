import { DeleteItemCommand } from '@aws-sdk/client-dynamodb';
import { GetEventSourceMappingCommand } from '@aws-sdk/client-lambda';
import type { Clients } from './clients.ts';

/** What guards the money in the stack's own removal, as a person sees it, and sets it back. */
export class RemoteGuards {
  readonly #clients: Pick<Clients, 'dynamoDb' | 'lambda'>;
  readonly #output: (name: string) => string;

  constructor(clients: Pick<Clients, 'dynamoDb' | 'lambda'>, output: (name: string) => string) {
    this.#clients = clients;
    this.#output = output;
  }

  /** Lets the limit's day begin anew: nobody waits for 00:00 UTC, and a stack that was left is used again on the same day. */
  async forgetToday(): Promise<void> {
    const day = new Date().toISOString().slice(0, 10);
    const TableName = this.#output('DailyLimitTable');
    await this.#clients.dynamoDb.send(new DeleteItemCommand({ TableName, Key: { day: { S: day } } }));
  }

  /** Whether uploads are taken from their queue: `Enabled`, `Disabled`, or what Lambda calls the way from one to the other. */
  async intake(): Promise<string | undefined> {
    const UUID = this.#output('UploadsEventSourceMapping');
    return (await this.#clients.lambda.send(new GetEventSourceMappingCommand({ UUID }))).State;
  }
}
