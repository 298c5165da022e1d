import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { submissionId } from '../functions/callbacks/table.ts';
import { AwsError } from '../local/aws-api.ts';
import type { LocalCloud } from '../local/cloud.ts';
import type { Execution } from '../local/step-functions.ts';
import { statesOf, waitsOf } from './executions.ts';
import { CAT, picture } from './pictures.ts';
import { errorFile, redrive, startCloud, upload } from './pipeline-rig.ts';
import { until } from './until.ts';

/** Webhook mode: the whole path of an image, woken by the gateway's callback. */
let cloud: LocalCloud;
let number = 0;
const newKey = () => `webhook-${++number}.jpg`;
const WOKEN = ['Submit', 'Await callback', 'Check status', 'Finished?', 'Deliver'];

beforeAll(async () => {
  // Retries leave time for a callback: 70 of them, on a machine that may be slow.
  const timing = { callbackTimeoutMs: 1_000, retryMs: 50, gateway: { durationMs: 150 } };
  cloud = await startCloud({ settings: { webhook: true }, ...timing });
});
afterEach(() => {
  cloud.gateway.always({ submit: 'accept', status: 'normal', outcome: 'COMPLETED', webhook: 'send' });
  cloud.onAwsCall = undefined;
});
afterAll(() => cloud?.close());

/** Uploads an image whose job does not end by itself. @returns once the execution waits for the callback */
async function uploadWaiting(): Promise<{ execution: Execution; key: string; webhookUrl: string; requestId: string }> {
  cloud.gateway.nextOutcomes('NEVER');
  const key = newKey();
  cloud.s3.put(cloud.uploadsBucket, key, CAT);
  const execution = await until(() => cloud.stepFunctions.executions.find(({ input }) => input.includes(key)));
  await until(() => statesOf(execution).includes('Await callback') || undefined);
  await until(async () => (await recordOf(execution))?.taskToken !== undefined || undefined);
  const submission = cloud.gateway.submissions.at(-1);
  return { execution, key, webhookUrl: webhookUrlOf(submission), requestId: submission?.requestId ?? '' };
}

const webhookUrlOf = (submission: { headers: Record<string, string> } | undefined) =>
  submission?.headers['x-webhook-url'] ?? '';

async function recordOf({ name }: Execution, submission = 1) {
  const TableName = cloud.template.ref(cloud.template.resources('AWS::DynamoDB::Table')[0]?.logicalId ?? '');
  const Key = { submission: { S: submissionId(name, submission) } };
  return (await cloud.dynamoDb?.client.send(new GetItemCommand({ TableName, Key, ConsistentRead: true })))?.Item;
}

const post = (
  url: string,
  body: NonNullable<RequestInit['body']> = '{}',
  headers: Record<string, string> = { 'content-type': 'application/json' },
) => fetch(url, { method: 'POST', body, headers });

describe('a callback', () => {
  it('wakes the execution, which enters five states', async () => {
    const key = newKey();
    const execution = await upload(cloud, key);
    expect(statesOf(execution)).toEqual(WOKEN);
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);
    expect(cloud.gateway.webhookCalls.at(-1)).toMatchObject({ status: 204 });
  });

  it('that comes before the execution waits is not missed', async () => {
    let early: Promise<Response> | undefined;
    cloud.onAwsCall = (operation) => {
      // The token is about to be stored: the callback overtakes it, and the state tries again.
      if (operation !== 'DynamoDB.UpdateItem' || early !== undefined) return undefined;
      early = post(webhookUrlOf(cloud.gateway.submissions.at(-1)));
      return new AwsError('InternalServerError', 'busy', 500);
    };
    cloud.gateway.always({ webhook: 'lose' });
    const execution = await upload(cloud, newKey());
    expect((await early)?.status).toBe(204);
    expect(execution.status).toBe('SUCCEEDED');
    expect(statesOf(execution).slice(0, 3)).toEqual(['Submit', 'Await callback', 'Check status']);
  });

  it('that comes twice, or after the execution has ended, does nothing more', async () => {
    cloud.gateway.always({ webhook: 'send-twice' });
    const execution = await upload(cloud, newKey());
    expect(statesOf(execution)).toEqual(WOKEN);
    const late = await post(webhookUrlOf(cloud.gateway.submissions.at(-1)));
    expect(late.status).toBe(204);
    await cloud.settled();
    expect(statesOf(execution)).toEqual(WOKEN);
  });

  it('that is lost costs latency only: the execution polls in the end', async () => {
    cloud.gateway.always({ webhook: 'lose' });
    const execution = await upload(cloud, newKey());
    expect(execution.status).toBe('SUCCEEDED');
    expect(statesOf(execution)).toEqual(WOKEN);
  });

  it('that is lost while the job goes on leads into polling', async () => {
    const { execution, requestId } = await uploadWaiting();
    await until(() => waitsOf(execution).length > 0 || undefined);
    cloud.gateway.always({ webhook: 'lose' });
    await cloud.gateway.finish(requestId);
    await cloud.settled();
    expect(execution.status).toBe('SUCCEEDED');
    const polls = waitsOf(execution).map(() => ['Wait', 'Check status', 'Finished?']);
    expect(statesOf(execution)).toEqual([...WOKEN.slice(0, -1), ...polls.flat(), 'Deliver']);
  });

  it.each([
    ['a wrong capability', (url: string) => `${url.slice(0, -5)}wrong`],
    ['no capability', (url: string) => url.slice(0, url.lastIndexOf('/'))],
    ['a capability of another length', (url: string) => `${url}A`],
    ['an unknown submission', (url: string) => url.replace(/[^/]+\/([^/]+)$/, 'bm9ib2R5IzE/$1')],
    ['nothing but the address', (url: string) => new URL(url).origin],
  ])('with %s is answered 404, wakes nobody, and learns nothing', async (_, wrong) => {
    const { execution, key, webhookUrl, requestId } = await uploadWaiting();
    const answer = await post(wrong(webhookUrl), JSON.stringify({ request_id: 'forged', status: 'COMPLETED' }));
    expect(answer.status).toBe(404);
    expect(await answer.text()).toBe('');
    expect((await recordOf(execution))?.calledBackAt).toBeUndefined();
    expect(statesOf(execution)).toEqual(['Submit', 'Await callback']);
    await cloud.gateway.finish(requestId);
    await cloud.settled();
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);
  });

  it('that lies changes nothing: the status endpoint is the truth', async () => {
    const { execution, key, webhookUrl, requestId } = await uploadWaiting();
    const forged = {
      request_id: 'somebody-elses',
      status: 'COMPLETED',
      output: { media_url: ['https://evil.com/x.png'] },
    };
    expect((await post(webhookUrl, JSON.stringify(forged))).status).toBe(204);
    await until(() => waitsOf(execution).length > 0 || undefined);
    await cloud.gateway.finish(requestId);
    await cloud.settled();
    expect(JSON.parse(execution.output ?? '')).toMatchObject({ status: 'DELIVERED', requestId });
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);
  });

  it.each<[string, NonNullable<RequestInit['body']>, Record<string, string>]>([
    ['nothing', '', {}],
    ['no JSON', 'status=COMPLETED', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['JSON of another shape', '[[[]]]', { 'content-type': 'application/json' }],
    ['null', 'null', { 'content-type': 'application/json' }],
    ['a request id that climbs', '{"request_id":"../../admin"}', { 'content-type': 'application/json' }],
    ['bytes', Buffer.from([0, 255, 254, 0]), { 'content-type': 'application/octet-stream' }],
    [
      'a megabyte',
      JSON.stringify({ request_id: 'x', padding: 'x'.repeat(1e6) }),
      { 'content-type': 'application/json' },
    ],
  ])('whose body is %s wakes the execution all the same', async (_, body, headers) => {
    const { execution, webhookUrl, requestId } = await uploadWaiting();
    cloud.gateway.always({ webhook: 'lose' });
    await cloud.gateway.finish(requestId);
    expect((await post(webhookUrl, body, headers)).status).toBe(204);
    await cloud.settled();
    expect(statesOf(execution)).toEqual(WOKEN);
    expect((await recordOf(execution))?.requestId).toBeUndefined();
  });

  it('by GET is answered 405', async () => {
    const { execution, webhookUrl } = await uploadWaiting();
    expect((await fetch(webhookUrl)).status).toBe(405);
    cloud.stepFunctions.stop(execution.arn);
    await cloud.settled();
  });
});

describe('an execution that waits for its callback', () => {
  it('and is stopped can be redriven: it asks for the status at once if the callback has come meanwhile', async () => {
    const { execution, key, requestId } = await uploadWaiting();
    cloud.stepFunctions.stop(execution.arn);
    await cloud.settled();
    expect(errorFile(cloud, key)).toMatchObject({ error: 'Aborted', requestId });
    await cloud.gateway.finish(requestId);
    expect((await redrive(cloud, execution)).status).toBe('SUCCEEDED');
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);
  });

  it('polls if the table does not answer', async () => {
    cloud.onAwsCall = (operation) =>
      operation === 'DynamoDB.UpdateItem'
        ? new AwsError('ProvisionedThroughputExceededException', 'slow', 400)
        : undefined;
    cloud.gateway.nextOutcomes('NEVER');
    const key = newKey();
    cloud.s3.put(cloud.uploadsBucket, key, CAT);
    const execution = await until(() => cloud.stepFunctions.executions.find(({ input }) => input.includes(key)));
    await until(() => waitsOf(execution).length > 0 || undefined);
    await cloud.gateway.finish(cloud.gateway.submissions.at(-1)?.requestId ?? '');
    await cloud.settled();
    expect(execution.status).toBe('SUCCEEDED');
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);
  });
});

describe('a submission whose answer was lost', () => {
  it.each(['accept-then-reset', 'accept-then-500', 'no-request-id'] as const)(
    'but whose callback came (%s) is not paid a second time',
    async (behaviour) => {
      cloud.gateway.nextSubmits(behaviour);
      const patient = cloud;
      const paid = patient.gateway.accepted;
      const key = newKey();
      // The first attempt's callback is in the table before Step Functions tries again.
      patient.onInvoke = (bundle) => {
        if (bundle !== 'submit' || patient.gateway.accepted === paid) return undefined;
        const isNoted = patient.logs.some(
          (line) => line.includes('called back before') && line.includes(String(lastAccepted(patient))),
        );
        return isNoted ? undefined : { errorType: 'Lambda.TooManyRequestsException', errorMessage: 'wait', trace: [] };
      };
      const execution = await upload(patient, key);
      patient.onInvoke = undefined;
      expect(execution.status).toBe('SUCCEEDED');
      expect(patient.gateway.accepted).toBe(paid + 1);
      expect(JSON.parse(execution.output ?? '').requestId).toBe(lastAccepted(patient));
      expect(patient.s3.list(patient.resultsBucket, key)).toEqual([`${key}.png`]);
    },
  );

  it('and whose callback names a request that the gateway does not know is submitted again', async () => {
    cloud.gateway.nextSubmits('reset');
    const paid = cloud.gateway.accepted;
    let forged: Promise<Response> | undefined;
    let isAnswered = false;
    cloud.onInvoke = (bundle) => {
      if (bundle !== 'submit' || isAnswered || cloud.gateway.submissions.at(-1)?.accepted !== false) return undefined;
      forged ??= post(webhookUrlOf(cloud.gateway.submissions.at(-1)), '{"request_id":"unheard-of"}').finally(() => {
        isAnswered = true;
      });
      return { errorType: 'Lambda.TooManyRequestsException', errorMessage: 'wait', trace: [] };
    };
    const execution = await upload(cloud, newKey());
    cloud.onInvoke = undefined;
    expect((await forged)?.status).toBe(204);
    expect(execution.status).toBe('SUCCEEDED');
    expect(cloud.gateway.accepted).toBe(paid + 1);
  });
});

describe('each submission of an execution', () => {
  it('has a record and a capability of its own', async () => {
    cloud.gateway.nextOutcomes('ERROR');
    const execution = await upload(cloud, newKey());
    expect(execution.status).toBe('SUCCEEDED');
    const [first, second] = [await recordOf(execution, 1), await recordOf(execution, 2)];
    expect(first?.capability?.S).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(second?.capability?.S).not.toBe(first?.capability?.S);
    const days = (Number(first?.expiresAt?.N) - Date.now() / 1000) / 86_400;
    expect(days, 'kept longer than an execution can be redriven').toBeGreaterThan(14);
  });

  it('that was overtaken by a newer upload is not waited for', async () => {
    const key = newKey();
    await upload(cloud, key);
    const [old] = cloud.s3.versions(cloud.uploadsBucket, key);
    await upload(cloud, key, await picture(3));
    const input = JSON.stringify({ bucket: cloud.uploadsBucket, key, versionId: old?.versionId });
    const execution = cloud.stepFunctions.start(`old-${number}`, input);
    await cloud.settled();
    expect(JSON.parse(execution.output ?? '')).toMatchObject({ status: 'SUPERSEDED', requestId: null });
    expect(statesOf(execution)).toEqual([...WOKEN.slice(0, -1), 'Superseded']);
  });
});

describe('logs, states and error files', () => {
  it('hold no capability and, but for the table, no task token', async () => {
    const capabilities = cloud.gateway.submissions.map((submission) => webhookUrlOf(submission).split('/').at(-1));
    const everything = [...cloud.logs, ...cloud.stepFunctions.executions.map((execution) => JSON.stringify(execution))];
    const text = everything.join('\n');
    expect(capabilities.length).toBeGreaterThan(10);
    for (const capability of capabilities) expect(text).not.toContain(capability);
    expect(text).not.toContain('taskToken');
  });
});

/** The request id of the job that was accepted last. */
function lastAccepted({ gateway }: LocalCloud): string | undefined {
  return gateway.submissions.findLast(({ accepted }) => accepted)?.requestId;
}
