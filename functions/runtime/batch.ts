import timers from 'node:timers/promises';
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { logger } from './handler.ts';
import { publishMetrics } from './metrics.ts';

const processor = new BatchProcessor(EventType.SQS);

/**
 * Wraps the work on one queued message into a handler for batches; messages that fail go back to the queue alone.
 *
 * @param msPerMessage How long an invocation takes at least for each of its messages, so that as many invocations as
 *   there may be at once keep a pace. @default 0
 */
export function batchHandlerOf(
  work: (record: SQSRecord) => Promise<void>,
  msPerMessage = 0,
): (event: SQSEvent, context: Context) => Promise<SQSBatchResponse> {
  return async (event, context) => {
    logger.resetKeys();
    logger.addContext(context);
    try {
      const [response] = await Promise.all([
        processPartialResponse(event, work, processor, { context, throwOnFullBatchFailure: false }),
        msPerMessage && timers.setTimeout(msPerMessage * event.Records.length),
      ]);
      return response;
    } finally {
      publishMetrics();
    }
  };
}

/** The JSON in a message's body; undefined if it is none. */
export function jsonBody(record: SQSRecord): unknown {
  try {
    return JSON.parse(record.body);
  } catch {
    return undefined;
  }
}
