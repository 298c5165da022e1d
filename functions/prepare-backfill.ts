import * as v from 'valibot';
import { type Backfill, parseBackfillInput } from './shared/backfill.ts';
import { handlerOf, logger } from './shared/handler.ts';
import { bucketsFromEnv } from './shared/input.ts';
import { parse } from './shared/job.ts';

const buckets = bucketsFromEnv();
const inventoryBucket = process.env.INVENTORY_BUCKET;

const Event = v.object({ execution: v.string(), startedAt: v.string(), input: v.unknown() });

/** The first state of a backfill: checks its input and fills in the defaults. */
export const handler = handlerOf(async (event: unknown): Promise<{ backfill: Backfill }> => {
  const { execution, startedAt, input } = parse(Event, event, 'The event');
  logger.appendKeys({ backfill: execution });
  const backfill = parseBackfillInput(input, { ...buckets, execution, startedAt, inventoryBucket });
  logger.info('backfill', { ...backfill });
  return { backfill };
});
