import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { InvalidToken, SendTaskSuccessCommand, SFNClient, TaskDoesNotExist, TaskTimedOut } from '@aws-sdk/client-sfn';
import type { Context, LambdaFunctionURLEvent } from 'aws-lambda';
import { CallbackTable, parseCallbackPath } from './callbacks/table.ts';
import { REQUEST_ID } from './gateway/request-id.ts';
import { env } from './runtime/env.ts';
import { logger } from './runtime/handler.ts';

const sfn = new SFNClient({});
const table = new CallbackTable(new DynamoDBClient({}), env('CALLBACK_TABLE'));
/** Longest body that is read, in characters; the documented one has under 1 KB. */
const MAX_BODY = 64 * 1024;

interface Answer {
  statusCode: number;
}

/**
 * The gateway's callback: wakes the execution that waits for it. A hint and no more – the execution then asks the status
 * endpoint itself – so a forged or broken body changes nothing.
 */
export const handler = async (event: LambdaFunctionURLEvent, context: Context): Promise<Answer> => {
  logger.resetKeys();
  logger.addContext(context);
  if (event.requestContext.http.method !== 'POST') return { statusCode: 405 };
  const path = parseCallbackPath(event.rawPath);
  if (path === undefined) return { statusCode: 404 };
  const requestId = requestIdIn(event);
  try {
    const record = await table.callBack(path.submission, path.capability, requestId);
    // Unknown submission or wrong capability: the same answer, so that nothing can be probed.
    if (record === undefined) return { statusCode: 404 };
    logger.appendKeys({ submission: path.submission, requestId });
    if (record.taskToken !== undefined) await wake(record.taskToken);
    else logger.info('called back before the execution waits');
    return { statusCode: 204 };
  } catch (error) {
    logger.error('the callback could not be processed; the execution polls in the end', { error: error as Error });
    return { statusCode: 503 };
  }
};

async function wake(taskToken: string): Promise<void> {
  try {
    await sfn.send(new SendTaskSuccessCommand({ taskToken, output: '{}' }));
    logger.info('woken');
  } catch (error) {
    const isOver = error instanceof TaskTimedOut || error instanceof TaskDoesNotExist || error instanceof InvalidToken;
    if (!isOver) throw error;
    logger.info('nobody waits any more');
  }
}

/** The request id that the body names, if it is of a shape that could be one. */
function requestIdIn({ body = '', isBase64Encoded }: LambdaFunctionURLEvent): string | undefined {
  if (body.length > MAX_BODY) return undefined;
  try {
    const text = isBase64Encoded ? Buffer.from(body, 'base64').toString() : body;
    const id = JSON.parse(text)?.request_id;
    return typeof id === 'string' && REQUEST_ID.test(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
