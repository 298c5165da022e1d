import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { env } from '../runtime/env.ts';
import { logger } from '../runtime/handler.ts';
import type { Pause } from './pause.ts';

/**
 * After so many receives a message is sent anew, which counts from the beginning. SQS would make a dead letter of it
 * after 20, and counts those of a pause like any other.
 */
const MAX_RECEIVES = 10;

// The queue's URL names AWS; the endpoint may be another one.
const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });

/** Returns a batch of uploads to their queue, for as long as there is a pause. */
export async function holdBack({ Records }: SQSEvent, { reason, since }: Pause): Promise<SQSBatchResponse> {
  logger.info('uploads are held back', { messageId: Records[0]?.messageId, uploads: Records.length, reason, since });
  const isSentAnew = await Promise.all(Records.map(sendAnewIfOld));
  const returned = Records.filter((_, index) => !isSentAnew[index]);
  return { batchItemFailures: returned.map(({ messageId }) => ({ itemIdentifier: messageId })) };
}

/** @returns whether the message at hand can go because another one like it is in the queue */
async function sendAnewIfOld({ attributes, body, messageId }: SQSRecord): Promise<boolean> {
  if (Number(attributes.ApproximateReceiveCount) < MAX_RECEIVES) return false;
  try {
    await sqs.send(new SendMessageCommand({ QueueUrl: env('UPLOADS_QUEUE_URL'), MessageBody: body }));
    return true;
  } catch (error) {
    logger.warn('a message could not be sent anew', { messageId, error: error as Error });
    return false;
  }
}
