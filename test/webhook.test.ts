import { describe, expect, it } from 'vitest';
import { AwsError } from '../local/aws-api.ts';
import type { LocalCloud } from '../local/cloud.ts';
import { statesOf, waitsOf } from './executions.ts';
import { CAT, picture } from './pictures.ts';
import { errorFile, redrive, upload } from './pipeline-rig.ts';
import { until } from './until.ts';
import {
  checkWhatIsSaid,
  cloud,
  loseCallbacks,
  newKey,
  number,
  post,
  recordOf,
  shareWebhookCloud,
  uploadWaiting,
  WOKEN,
  webhookUrlOf,
} from './webhook-rig.ts';

/** Webhook mode: the whole path of an image, woken by the gateway's callback. */

shareWebhookCloud();

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
    loseCallbacks();
    const execution = await upload(cloud, newKey());
    expect(execution.status).toBe('SUCCEEDED');
    expect(statesOf(execution)).toEqual(WOKEN);
  });

  it('that is lost while the job goes on leads into polling', async () => {
    loseCallbacks();
    const { execution, requestId } = await uploadWaiting();
    await until(() => waitsOf(execution).length > 0 || undefined);
    await cloud.gateway.finish(requestId);
    await cloud.settled();
    expect(execution.status).toBe('SUCCEEDED');
    const polls = waitsOf(execution).map(() => ['Wait', 'Check status', 'Finished?']);
    expect(statesOf(execution)).toEqual([...WOKEN.slice(0, -1), ...polls.flat(), 'Deliver']);
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

checkWhatIsSaid();

/** The request id of the job that was accepted last. */
function lastAccepted({ gateway }: LocalCloud): string | undefined {
  return gateway.submissions.findLast(({ accepted }) => accepted)?.requestId;
}
