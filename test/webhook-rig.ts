import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../local/cloud.ts';
import type { Execution } from '../local/step-functions.ts';
import { callbackRecord } from './callback-record.ts';
import { statesOf } from './executions.ts';
import { CAT } from './pictures.ts';
import { startCloud } from './pipeline-rig.ts';
import { until } from './until.ts';

/** One cloud in webhook mode for all tests of a file. */
export let cloud: LocalCloud;
export let number = 0;
export const newKey = () => `webhook-${++number}.jpg`;
export const WOKEN = ['Submit', 'Await callback', 'Check status', 'Finished?', 'Deliver'];

const JOB_MS = 150;
/** Waits for a callback, in milliseconds; undefined for the definition's five minutes. */
let callbackTimeoutMs: number | undefined;

/** Starts it before the first test of a file. */
export function shareWebhookCloud(): void {
  beforeAll(async () => {
    // Retries leave time for a callback: 70 of them, on a machine that may be slow.
    const timing = { shorten: (ms: number) => callbackTimeoutMs ?? ms, retryMs: 50, gateway: { durationMs: JOB_MS } };
    cloud = await startCloud({ settings: { webhook: true }, ...timing });
  });
  afterEach(() => {
    callbackTimeoutMs = undefined;
    cloud.gateway.always({ submit: 'accept', status: 'normal', outcome: 'COMPLETED', webhook: 'send' });
    cloud.onAwsCall = undefined;
  });
  afterAll(() => cloud?.close());
}

/** Loses the callbacks of a test. Executions give them up after their job has ended, if it ends by itself. */
export function loseCallbacks(): void {
  cloud.gateway.always({ webhook: 'lose' });
  callbackTimeoutMs = JOB_MS + 50;
}

/** Uploads an image whose job does not end by itself. @returns once the execution waits for the callback */
export async function uploadWaiting(): Promise<{
  execution: Execution;
  key: string;
  webhookUrl: string;
  requestId: string;
}> {
  cloud.gateway.nextOutcomes('NEVER');
  const key = newKey();
  cloud.s3.put(cloud.uploadsBucket, key, CAT);
  const execution = await until(() => cloud.stepFunctions.executions.find(({ input }) => input.includes(key)));
  await until(() => statesOf(execution).includes('Await callback') || undefined);
  await until(async () => (await recordOf(execution))?.taskToken !== undefined || undefined);
  const submission = cloud.gateway.submissions.at(-1);
  return { execution, key, webhookUrl: webhookUrlOf(submission), requestId: submission?.requestId ?? '' };
}

export const webhookUrlOf = (submission: { headers: Record<string, string> } | undefined) =>
  submission?.headers['x-webhook-url'] ?? '';

export const post = (
  url: string,
  body: NonNullable<RequestInit['body']> = '{}',
  headers: Record<string, string> = { 'content-type': 'application/json' },
) => fetch(url, { method: 'POST', body, headers });

export const recordOf = (execution: Execution, submission?: number) => callbackRecord(cloud, execution, submission);

/** Has the file's last test look at all that its other tests have left behind. */
export function checkWhatIsSaid(): void {
  describe('logs, states and error files', () => {
    it('hold no capability and, but for the table, no task token', async () => {
      const capabilities = cloud.gateway.submissions.map((submission) => webhookUrlOf(submission).split('/').at(-1));
      const everything = [
        ...cloud.logs,
        ...cloud.stepFunctions.executions.map((execution) => JSON.stringify(execution)),
      ];
      const text = everything.join('\n');
      expect(capabilities.length).toBeGreaterThan(10);
      for (const capability of capabilities) expect(text).not.toContain(capability);
      expect(text).not.toContain('taskToken');
    });
  });
}
