import {
  ConditionalCheckFailedException,
  ResourceNotFoundException,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';

/** DynamoDB's UpdateItem on one table in memory, with the few expressions that Cutout uses, all on strings and numbers. */
export class Table {
  readonly #items = new Map<string, Item>();
  #isThere = true;
  readonly #onWrite: (item: Record<string, string>) => void;

  /** @param onWrite Called with each item as it has become. */
  constructor(onWrite: (item: Record<string, string>) => void) {
    this.#onWrite = onWrite;
  }

  /** Whether the table is a part of the deployment. Its items go with it. */
  set isThere(isThere: boolean) {
    if (!isThere) this.#items.clear();
    this.#isThere = isThere;
  }

  /** @throws ConditionalCheckFailedException, or ResourceNotFoundException, as the SDK does */
  update({
    Key,
    UpdateExpression = '',
    ConditionExpression = '',
    ExpressionAttributeValues: values = {},
  }: UpdateItemCommandInput): { Attributes: Item } {
    if (!this.#isThere) throw new ResourceNotFoundException({ message: 'Requested resource not found', $metadata: {} });
    const key = JSON.stringify(Key);
    const item = this.#items.get(key) ?? {};
    if (!holds(ConditionExpression, item, values)) {
      throw new ConditionalCheckFailedException({ message: 'The conditional request failed', $metadata: {} });
    }
    const updated = { ...Key, ...item };
    // No comma parts two assignments and stands in parentheses.
    for (const assignment of UpdateExpression.replace(/^SET /, '').split(/, (?![^(]*\))/)) {
      const [, name = '', kept, value = ''] =
        /^(\w+) = (?:if_not_exists\((\w+), )?(:\w+)\)?$/.exec(assignment) ?? unknown(assignment);
      const given = values[value] ?? unknown(assignment);
      updated[name] = (kept !== undefined && item[kept]) || given;
    }
    this.#items.set(key, updated);
    const plain = Object.entries(updated).map(([name, { S, N }]) => [name, S ?? N]);
    this.#onWrite(Object.fromEntries(plain));
    return { Attributes: updated };
  }
}

type Item = NonNullable<UpdateItemCommandInput['ExpressionAttributeValues']>;

function holds(condition: string, item: Item, values: Item): boolean {
  if (condition === '') return true;
  const [, absent] = /^attribute_not_exists\((\w+)\)$/.exec(condition) ?? [];
  if (absent !== undefined) return item[absent] === undefined;
  const [, name = '', value = ''] = /^(\w+) = (:\w+)$/.exec(condition) ?? unknown(condition);
  return item[name] !== undefined && item[name].S === (values[value] ?? unknown(condition)).S;
}

function unknown(expression: string): never {
  throw new Error(`The simulation does not know the expression ${expression}`);
}
