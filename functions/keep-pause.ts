import timers from 'node:timers/promises';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { rowOf } from './errors.ts';
import { env } from './runtime/env.ts';
import { handlerOf, logger } from './runtime/handler.ts';
import { recordPause } from './runtime/metrics.ts';
import { letUploadsThrough } from './spending/intake.ts';
import { type Pause, PauseObject, secondsOf } from './spending/pause.ts';
import { isRunning, redriveOne } from './spending/probe.ts';

/** Between looks whether the redriven execution was accepted, in milliseconds: half a minute in all. */
const LOOKS_MS = [500, 1_000, 2_000, 4_000, 8_000, 16_000];

const lambda = new LambdaClient({});
const sfn = new SFNClient({});
const pauses = new PauseObject(new S3Client({}), { bucket: env('RESULTS_BUCKET'), key: env('PAUSE_KEY') });
const stateMachineArn = env('STATE_MACHINE_ARN');
const mapping = env('UPLOADS_EVENT_SOURCE_MAPPING');

/**
 * Runs every five minutes. During a pause it keeps uploads in their queue and redrives one execution that failed, to see
 * whether the gateway accepts again; otherwise it sees to it that uploads go on.
 */
export const handler = handlerOf(async (_event: unknown): Promise<void> => {
  const pause = await pauses.look();
  if (pause === undefined) return void (await letUploadsThrough(lambda, mapping, true));
  logger.appendKeys({ execution: pause.execution, reason: pause.reason, since: pause.since });
  // At first: should anything below fail, the alarms must not take the pause for over.
  recordPause(pause.reason, secondsOf(pause));
  if (await isOver(pause)) await letUploadsThrough(lambda, mapping, true);
  else logger.info('uploads are held back');
});

/** Whether the pause is over: by itself, or by an execution that was accepted. Until then, uploads are not taken. */
async function isOver(pause: Pause): Promise<boolean> {
  if (rowOf(pause.reason).pauses === 'until 00:00 UTC') {
    if (!isOfAnotherDay(pause)) {
      await letUploadsThrough(lambda, mapping, false);
      return false;
    }
    logger.info('the day is over: uploads go on');
    await pauses.lift(pause);
    return true;
  }
  await letUploadsThrough(lambda, mapping, false);
  const probe = await redriveOne(sfn, stateMachineArn, pause.execution);
  if (probe === undefined) {
    logger.warn('no execution is left that could be redriven: uploads go on, and the next refusal holds them back');
    await pauses.lift(pause);
    return true;
  }
  for (const ms of LOOKS_MS) {
    await timers.setTimeout(ms);
    const hasEnded = !(await isRunning(sfn, probe));
    if ((await pauses.look()) === undefined) return true;
    if (hasEnded) return false;
  }
  return false;
}

function isOfAnotherDay({ refusedAt }: Pause): boolean {
  return refusedAt.toISOString().slice(0, 10) !== new Date().toISOString().slice(0, 10);
}
