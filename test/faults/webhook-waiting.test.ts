import { expect } from 'vitest';
import { statesOf } from '../executions.ts';
import { until } from '../until.ts';
import { area } from './area.ts';
import {
  AREA,
  finish,
  lastRequestId,
  OLD,
  PATIENT,
  posts,
  recordOf,
  startWaiting,
  WAITING,
  WOKEN,
} from './callbacks.ts';
import { cutout, fails } from './ends.ts';
import type { Scene } from './scene.ts';

/** Faults in webhook mode of all else that may happen while an execution waits for its callback. */

area(
  AREA,
  'source',
  (fault) => {
    fault(
      'the upload’s event comes again while the callback is waited for',
      cutout({ also: 'one execution' }),
      async (scene) => {
        await startWaiting(scene);
        const before = scene.invocations('on-upload');
        scene.resendUpload();
        await until(() => scene.invocations('on-upload') > before || undefined);
        await finish(scene);
        expect(scene.executions).toHaveLength(1);
      },
      'event bus, Object Created',
    );
    fault(
      'overwritten before it was submitted',
      cutout({ also: 'the older one ends SUPERSEDED at once, unpaid; its record expires' }),
      async (scene) => {
        await scene.uploadOvertaken();
        const newer = scene.execution;
        scene.execution = scene.executions[1] ?? newer;
        expect(scene.statusOf(0, 2)).toEqual(['DELIVERED', 'SUPERSEDED']);
        expect(statesOf(scene.execution)).toEqual([...WOKEN.slice(0, -1), 'Superseded']);
        expect((await recordOf(scene))?.expiresAt).toBeDefined();
        scene.execution = newer;
      },
    );
    fault(
      'overwritten while the callback is waited for',
      cutout({ paid: 2, also: 'the older one ends SUPERSEDED' }),
      async (scene) => {
        await startWaiting(scene);
        const older = lastRequestId(scene);
        await scene.start(scene.anotherPicture());
        await until(() => scene.execution.status === 'SUCCEEDED' || undefined);
        await scene.cloud.gateway.finish(older);
        await scene.settled();
        expect(scene.statusOf(0, 2)).toEqual(['SUPERSEDED', 'DELIVERED']);
      },
    );
    fault(
      'redriven after a 402',
      cutout({ also: 'woken' }),
      async (scene) => {
        scene.next('submit', { status: 402 });
        expect((await scene.upload()).error).toBe('InsufficientBalance');
        await scene.redrive();
        expect(new Set(posts(scene).map(({ headers }) => headers['x-webhook-url'])).size).toBe(1);
      },
      'gateway, until the redrive',
    );
    fault(
      'stopped while the callback is waited for, then redriven',
      cutout({ also: 'woken' }),
      async (scene) => {
        await stopWaiting(scene);
        const { S: token } = (await recordOf(scene))?.taskToken ?? {};
        scene.cloud.stepFunctions.redrive(scene.execution.arn);
        await until(async () => (await recordOf(scene))?.taskToken?.S !== token || undefined);
        await finish(scene);
        expect(statesOf(scene.execution)).toEqual([...WAITING, ...WOKEN.slice(1)]);
      },
      'StopExecution',
    );
    fault(
      'stopped while the callback is waited for, then redriven once it has come',
      cutout({ also: 'not waited for' }),
      async (scene) => {
        await stopWaiting(scene);
        await finish(scene);
        await scene.redrive();
      },
      'StopExecution',
    );
    fault(
      'ERROR, then COMPLETED',
      cutout({ also: 'woken twice, by two capabilities' }),
      async (scene) => {
        scene.next('outcome', 'ERROR');
        await scene.upload();
        expect(statesOf(scene.execution)).toEqual([...WOKEN.slice(0, -1), ...WOKEN]);
        const records = [await recordOf(scene, 1), await recordOf(scene, 2)];
        expect(new Set(records.map((record) => record?.capability?.S)).size).toBe(2);
      },
      'gateway, the status of the job',
    );
    fault(
      'FAILED',
      fails('RemovalFailed', { paid: 1 }),
      async (scene) => {
        scene.next('outcome', 'FAILED');
        expect(statesOf(await scene.upload())).toEqual(WOKEN.slice(0, -2));
      },
      'gateway, the status of the job',
    );
  },
  PATIENT,
);

async function stopWaiting(scene: Scene): Promise<void> {
  await startWaiting(scene);
  scene.cloud.stepFunctions.stop(scene.execution.arn);
  await scene.settled();
  expect(scene.execution.status).toBe('ABORTED');
}

area(
  AREA,
  'clock of Check status, which is a day later',
  (fault) => {
    fault('the job never ends', fails('JobTimedOut', { paid: 1 }), (scene) => scene.next('outcome', 'NEVER'));
    fault('the callback was lost, but the job has ended', cutout(), (scene) => scene.next('webhook', 'lose'));
  },
  OLD,
);
