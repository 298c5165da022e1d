import { randomBytes } from 'node:crypto';
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';

/** How long a record is kept, in seconds: an execution can be redriven for 14 days after it failed, and waits before. */
const LIFETIME_SECONDS = 30 * 24 * 3600;
/** What nobody guesses: 256 bits. */
const CAPABILITY_BYTES = 32;

/** What is known of the callback to one submission. Holds no image and no URL; the capability wakes, and does no more. */
export interface CallbackRecord {
  /** Stands in the callback's path; whoever knows it may call back. */
  capability: string;
  /** The request that the first callback named; a hint until the status endpoint confirms it. */
  requestId: string | undefined;
  /** What wakes the execution, once it waits. */
  taskToken: string | undefined;
}

/** The name of a submission: one record each, also when a submission of unknown outcome is repeated. */
export function submissionId(execution: string, submission: number): string {
  return `${execution}#${submission}`;
}

/** The address the gateway calls back for a submission. */
export function callbackUrl(functionUrl: string, submission: string, capability: string): string {
  return `${functionUrl.replace(/\/$/, '')}/${Buffer.from(submission).toString('base64url')}/${capability}`;
}

/**
 * Submission and capability of a path that {@link callbackUrl} made; undefined for any other. The name of an execution
 * has up to 80 characters, of up to four bytes each.
 */
export function parseCallbackPath(path: string): { submission: string; capability: string } | undefined {
  const [, submission, capability] = /^\/([A-Za-z0-9_-]{1,500})\/([A-Za-z0-9_-]{43})$/.exec(path) ?? [];
  if (submission === undefined || capability === undefined) return undefined;
  return { submission: Buffer.from(submission, 'base64url').toString(), capability };
}

/** The table of callbacks: one record a submission. */
export class CallbackTable {
  readonly #client: DynamoDBClient;
  readonly #name: string;

  constructor(client: DynamoDBClient, name: string) {
    this.#client = client;
    this.#name = name;
  }

  /** The record of a submission, made before its POST; a repeated submission finds what the first one left. */
  async open(submission: string): Promise<CallbackRecord> {
    return this.#update(submission, {
      set: ['capability = if_not_exists(capability, :capability)', EXPIRES_AT],
      values: { ':capability': { S: randomBytes(CAPABILITY_BYTES).toString('base64url') }, ':expiresAt': expiresAt() },
    });
  }

  /** Notes that nothing is to be waited for: nothing was submitted. Mostly this makes the record. */
  async close(submission: string): Promise<void> {
    await this.#update(submission, {
      set: [CALLED_BACK, EXPIRES_AT],
      values: { ':now': { S: new Date().toISOString() }, ':expiresAt': expiresAt() },
    });
  }

  /**
   * Notes a callback, the first one's request id included, and reads the record back in the same step: either it finds
   * the task token, or the state that is about to store the token finds the callback.
   *
   * @returns undefined if there is no such submission, or the capability is not its own.
   */
  async callBack(submission: string, capability: string, requestId?: string): Promise<CallbackRecord | undefined> {
    const names = requestId === undefined ? [] : ['requestId = if_not_exists(requestId, :requestId)'];
    try {
      return await this.#update(submission, {
        set: [CALLED_BACK, ...names],
        condition: 'capability = :capability',
        values: {
          ':now': { S: new Date().toISOString() },
          ':capability': { S: capability },
          ...(requestId !== undefined && { ':requestId': { S: requestId } }),
        },
      });
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined;
      throw error;
    }
  }

  async #update(
    submission: string,
    { set, values, condition }: { set: string[]; values: Record<string, AttributeValue>; condition?: string },
  ): Promise<CallbackRecord> {
    const { Attributes = {} } = await this.#client.send(
      new UpdateItemCommand({
        TableName: this.#name,
        Key: { submission: { S: submission } },
        UpdateExpression: `SET ${set.join(', ')}`,
        ConditionExpression: condition,
        ExpressionAttributeValues: values,
        ReturnValues: 'ALL_NEW',
      }),
    );
    return {
      capability: Attributes.capability?.S ?? '',
      requestId: Attributes.requestId?.S,
      taskToken: Attributes.taskToken?.S,
    };
  }
}

/** The first callback wins; the waiting state looks for this attribute. */
const CALLED_BACK = 'calledBackAt = if_not_exists(calledBackAt, :now)';
/** Whatever makes a record says when it goes. */
const EXPIRES_AT = 'expiresAt = if_not_exists(expiresAt, :expiresAt)';

function expiresAt(): AttributeValue {
  return { N: String(Math.floor(Date.now() / 1000) + LIFETIME_SECONDS) };
}
