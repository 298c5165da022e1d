import { setTimeout } from 'node:timers/promises';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { rowOf } from '../../functions/errors.ts';
import { letUploadsThrough } from '../../functions/spending/intake.ts';
import { type Pause, PauseObject } from '../../functions/spending/pause.ts';
import { PAUSE_FILE } from '../../functions/spending/pause-file.ts';
import type { Deployment } from './deployment.ts';

/** The pause of a deployment; undefined if uploads are not held back, or never are. */
export async function pauseOf(deployment: Deployment): Promise<Pause | undefined> {
  return mappingOf(deployment) === undefined ? undefined : objectOf(deployment).look();
}

/** Between two tries to change the event source mapping while Lambda is at another change of it, in milliseconds. */
const BUSY_MS = 2_000;
/** Lambda takes about a minute for a change. */
const MAX_TRIES = 90;

/**
 * Lets uploads go on: ends the pause, if there is one, and has them taken from their queue.
 *
 * @returns whether they had been held back; false also if a deployment never does
 */
export async function resumeUploads(deployment: Deployment): Promise<boolean> {
  const mapping = mappingOf(deployment);
  if (mapping === undefined) return false;
  const pause = await pauseOf(deployment);
  if (pause) await objectOf(deployment).lift(pause);
  const lambda = new LambdaClient({});
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const change = await letUploadsThrough(lambda, mapping, true);
    if (change !== 'BUSY') return pause !== undefined || change === 'CHANGING';
    await setTimeout(BUSY_MS);
  }
  throw new Error(
    `Lambda has been changing the event source mapping ${mapping} for minutes. Run npm run resume once more.`,
  );
}

/** How many uploads wait for their start, about. */
async function waitingUploads({ outputs }: Deployment): Promise<number> {
  // The queue's URL names AWS; the endpoint may be another one.
  const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
  const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
  const attributes = new GetQueueAttributesCommand({
    QueueUrl: outputs.required('UploadsQueueUrl'),
    AttributeNames: [...names],
  });
  const { Attributes = {} } = await sqs.send(attributes);
  return names.reduce((sum, name) => sum + Number(Attributes[name] ?? 0), 0);
}

/** Why and since when uploads are held back, how many wait, and what to do. */
export async function pauseInWords(deployment: Deployment, { reason, since }: Pause): Promise<string> {
  const waiting = await waitingUploads(deployment);
  const { means, remedy } = rowOf(reason);
  return `Paused since ${since.toISOString()}: ${reason}, ${waiting} waiting. ${sentence(means)} ${remedy}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function mappingOf({ outputs }: Deployment): string | undefined {
  return outputs.optional('UploadsEventSourceMapping');
}

function objectOf({ s3, resultsBucket, buckets }: Deployment): PauseObject {
  return new PauseObject(s3, { bucket: resultsBucket, key: `${buckets.resultsPrefix}${PAUSE_FILE}` });
}
