import { expect } from 'vitest';
import { AwsError } from '../../local/aws-api.ts';
import type { CloudOptions } from '../../local/cloud.ts';
import type { JobOutcome, Submission, WebhookBehaviour } from '../../local/gateway.ts';
import { callbackRecord } from '../callback-record.ts';
import { until } from '../until.ts';
import { HASTY, skewed } from './options.ts';
import type { Scene } from './scene.ts';

/** Rows in webhook mode: the callback of a submission, the record that it finds, and the execution that it wakes. */

/** Waits for a callback as long as the definition says, five minutes: a row that is not woken does not end. */
export const PATIENT: CloudOptions = { ...HASTY, settings: { webhook: true } };
/** Polls soon. */
export const IMPATIENT: CloudOptions = { ...PATIENT, callbackTimeoutMs: 50 };
export const OLD: CloudOptions = {
  ...IMPATIENT,
  environment: { ...HASTY.environment, ...skewed({ CheckStatus: 24 * 60 }).environment },
};

export const AREA = 'Webhook mode';
export const CALLBACK = 'gateway, its callback';
export const TABLE = 'DynamoDB, table of callbacks';

export const THROTTLED = new AwsError('ProvisionedThroughputExceededException', 'The rate of requests is too high');
export const DOWN = new AwsError('InternalServerError', 'The service is down', 500);
export const RATE_EXCEEDED = new AwsError('ThrottlingException', 'Rate exceeded');
export const GONE = new AwsError('ServiceUnavailable', 'Nobody is there to hear this', 503);

export const WAITING = ['Submit', 'Await callback'];
export const WOKEN = [...WAITING, 'Check status', 'Finished?', 'Deliver'];

/** The POSTs of this row, accepted or not. */
export const posts = (scene: Scene): Submission[] =>
  scene.cloud.gateway.submissions.filter(({ imageUrl }) => decodeURIComponent(imageUrl).includes(`/${scene.key}`));

/** Where the latest submission, or the given one of this row, is to be called back. */
export function callbackUrlOf(scene: Scene, submission?: number): string {
  const post = submission === undefined ? posts(scene).at(-1) : posts(scene)[submission - 1];
  return post?.headers['x-webhook-url'] ?? '';
}

export const lastRequestId = (scene: Scene): string =>
  posts(scene).findLast(({ accepted }) => accepted)?.requestId ?? 'none has been accepted';

/** What the table knows of a submission of this row. */
export const recordOf = (scene: Scene, submission?: number) => callbackRecord(scene.cloud, scene.execution, submission);

/** Waits until a callback has been noted. */
export async function calledBack(scene: Scene, submission = 1): Promise<void> {
  await until(() => scene.hasBegun || undefined);
  await until(async () => (await recordOf(scene, submission))?.calledBackAt !== undefined || undefined);
}

/** Waits until the execution can be woken. */
export async function waiting(scene: Scene, submission = 1): Promise<void> {
  await until(async () => (await recordOf(scene, submission))?.taskToken !== undefined || undefined);
}

/** Uploads an image whose last job does not end by itself, and waits until the execution can be woken. */
export async function startWaiting(scene: Scene, ...before: JobOutcome[]): Promise<void> {
  scene.next('outcome', ...before, 'NEVER');
  await scene.start();
  await waiting(scene, before.length + 1);
}

/** The job ends, and the gateway's callback has been answered, unless it is lost. @returns the answer's status */
export async function finish(scene: Scene, webhook: WebhookBehaviour = 'send'): Promise<number | undefined> {
  scene.next('webhook', webhook);
  await scene.cloud.gateway.finish(lastRequestId(scene));
  await scene.settled();
  return (await answers(scene)).at(-1);
}

/** How the gateway's callbacks of this row were answered. */
export async function answers(scene: Scene): Promise<(number | undefined)[]> {
  await scene.cloud.gateway.tick();
  const ids = posts(scene).map(({ requestId }) => requestId);
  return scene.cloud.gateway.webhookCalls
    .filter(({ requestId }) => ids.includes(requestId))
    .map(({ status }) => status);
}

/** Somebody calls back. @returns the answer's status */
export async function callBack(
  url: string,
  body: NonNullable<RequestInit['body']> = '{}',
  type = 'application/json',
): Promise<number> {
  const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': type } });
  expect(await answer.text(), 'says nothing').toBe('');
  return answer.status;
}

/** The second attempt to submit goes on once the callback of the first one has been noted. */
export function retryAfterCallback(scene: Scene): void {
  scene.onTable('open', async (count) => {
    if (count === 2) await calledBack(scene);
    return undefined;
  });
}

/** How often a request was asked for. */
export const asked = (scene: Scene, id: string) =>
  scene.cloud.gateway.statusRequests.filter(({ requestId }) => requestId === id).length;
