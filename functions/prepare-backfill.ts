import { ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import * as v from 'valibot';
import { type Backfill, parseBackfillInput } from './backfill/contract.ts';
import { CutoutError } from './errors.ts';
import { bucketsFromEnv } from './input.ts';
import { parse } from './job.ts';
import { handlerOf, logger } from './runtime/handler.ts';

const sfn = new SFNClient({});
const buckets = bucketsFromEnv();

const Event = v.object({
  execution: v.string(),
  stateMachineArn: v.string(),
  startedAt: v.string(),
  input: v.unknown(),
});

/** The first state of a backfill: checks its input, fills in the defaults, and sees that no other backfill runs. */
export const handler = handlerOf(async (event: unknown): Promise<{ backfill: Backfill }> => {
  const { execution, stateMachineArn, startedAt, input } = parse(Event, event, 'The event');
  logger.appendKeys({ backfill: execution });
  const backfill = parseBackfillInput(input, { ...buckets, execution, startedAt });
  if (!backfill.dryRun) await refuseAnother(stateMachineArn, execution, startedAt);
  logger.info('backfill', { ...backfill });
  return { backfill };
});

/** Two at once would select the same images, and could both pay for one: the one that began first goes on. */
async function refuseAnother(stateMachineArn: string, execution: string, startedAt: string): Promise<void> {
  const running = new ListExecutionsCommand({ stateMachineArn, statusFilter: 'RUNNING' });
  const { executions = [] } = await sfn.send(running);
  const beganAt = Date.parse(startedAt);
  const first = executions.find(({ name = '', startDate }) => {
    const sooner = beganAt - Number(startDate);
    return name !== execution && (sooner > 0 || (sooner === 0 && name < execution));
  });
  if (first)
    throw new CutoutError(
      'InvalidInput',
      `Another backfill is running, ${first.name}: wait until it has ended, or stop it`,
    );
}
