import { ConditionalCheckFailedException, DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { CutoutError } from '../errors.ts';

/** How long a day's count is kept, in seconds. */
const LIFETIME_SECONDS = 30 * 24 * 3600;

/** Most submissions of a day, by UTC: counted in a table before each of them, so that none is sent above the limit. */
export class DailyLimit {
  /** Tries again as usual: a count that was taken twice is too high, which costs nothing. */
  readonly #counting = new DynamoDBClient({});
  /** Tries once: a count that was given back twice would be too low, and an image more would be paid. */
  readonly #givingBack = new DynamoDBClient({ maxAttempts: 1 });
  readonly #table: string;
  readonly #limit: number;

  /** @param limit Submissions of a day, at most. */
  constructor(table: string, limit: number) {
    this.#table = table;
    this.#limit = limit;
  }

  /**
   * Counts a submission that is about to be sent.
   *
   * @returns the day it was counted on
   * @throws DailyLimitReached if the day has none left.
   */
  async take(): Promise<string> {
    const now = new Date();
    const day = now.toISOString().slice(0, 10);
    const expiresAt = Math.floor(now.getTime() / 1000) + LIFETIME_SECONDS;
    const update = new UpdateItemCommand({
      TableName: this.#table,
      Key: { day: { S: day } },
      UpdateExpression: 'SET expiresAt = if_not_exists(expiresAt, :expiresAt) ADD submissions :one',
      ConditionExpression: 'attribute_not_exists(submissions) OR submissions < :limit',
      ExpressionAttributeValues: {
        ':one': { N: '1' },
        ':limit': { N: String(this.#limit) },
        ':expiresAt': { N: String(expiresAt) },
      },
    });
    try {
      await this.#counting.send(update);
      return day;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      throw new CutoutError(
        'DailyLimitReached',
        `As many images as ${this.#limit} have been submitted on ${day} (UTC)`,
      );
    }
  }

  /**
   * Takes back the count of a submission that was surely refused, from the day it was counted on. It is tried once: if
   * it fails, the count stays too high.
   */
  async giveBack(day: string): Promise<void> {
    await this.#givingBack.send(
      new UpdateItemCommand({
        TableName: this.#table,
        Key: { day: { S: day } },
        UpdateExpression: 'ADD submissions :less',
        // A table that was made anew knows nothing of it.
        ConditionExpression: 'submissions > :none',
        ExpressionAttributeValues: { ':less': { N: '-1' }, ':none': { N: '0' } },
      }),
    );
  }
}
