import {
  ConditionalCheckFailedException,
  ResourceNotFoundException,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';

/** DynamoDB's UpdateItem in memory, with the few expressions that Cutout uses, all on strings and numbers. */
export class Table {
  readonly #items = new Map<string, Item>();
  #names: ReadonlySet<string> = new Set();
  readonly #onWrite: (item: Record<string, string>) => void;

  /** @param onWrite Called with each item as it has become. */
  constructor(onWrite: (item: Record<string, string>) => void) {
    this.#onWrite = onWrite;
  }

  /** The tables that are a part of the deployment. With a table go its items. */
  set names(names: ReadonlySet<string>) {
    for (const key of this.#items.keys()) if (!names.has(JSON.parse(key)[0])) this.#items.delete(key);
    this.#names = names;
  }

  /** @throws ConditionalCheckFailedException, or ResourceNotFoundException, as the SDK does */
  update({
    TableName = '',
    Key,
    UpdateExpression = '',
    ConditionExpression = '',
    ExpressionAttributeValues: values = {},
  }: UpdateItemCommandInput): { Attributes: Item } {
    if (!this.#names.has(TableName)) {
      throw new ResourceNotFoundException({ message: 'Requested resource not found', $metadata: {} });
    }
    const key = JSON.stringify([TableName, Key]);
    const item = this.#items.get(key) ?? {};
    if (!holds(ConditionExpression, item, values)) {
      throw new ConditionalCheckFailedException({ message: 'The conditional request failed', $metadata: {} });
    }
    const updated = { ...Key, ...item };
    const [, assignments, added] =
      /^(?:SET (.*?))? ?(?:ADD (.*))?$/.exec(UpdateExpression) ?? unknown(UpdateExpression);
    // No comma parts two assignments and stands in parentheses.
    for (const assignment of assignments?.split(/, (?![^(]*\))/) ?? []) {
      const [, name = '', kept, value = ''] =
        /^(\w+) = (?:if_not_exists\((\w+), )?(:\w+)\)?$/.exec(assignment) ?? unknown(assignment);
      const given = values[value] ?? unknown(assignment);
      updated[name] = (kept !== undefined && item[kept]) || given;
    }
    if (added !== undefined) {
      const [, name = '', value = ''] = /^(\w+) (:\w+)$/.exec(added) ?? unknown(added);
      updated[name] = { N: String(Number(item[name]?.N ?? 0) + Number(values[value]?.N)) };
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
  const either = condition.split(' OR ');
  if (either.length > 1) return either.some((each) => holds(each, item, values));
  const [, absent] = /^attribute_not_exists\((\w+)\)$/.exec(condition) ?? [];
  if (absent !== undefined) return item[absent] === undefined;
  const [, name = '', operator, value = ''] = /^(\w+) ([=<>]) (:\w+)$/.exec(condition) ?? unknown(condition);
  const [one, other] = [item[name], values[value] ?? unknown(condition)];
  if (one === undefined) return false;
  if (operator === '=') return one.S === other.S;
  return operator === '<' ? Number(one.N) < Number(other.N) : Number(one.N) > Number(other.N);
}

function unknown(expression: string): never {
  throw new Error(`The simulation does not know the expression ${expression}`);
}
