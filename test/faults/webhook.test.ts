import { expect } from 'vitest';
import { AwsError } from '../../local/aws-api.ts';
import { statesOf, waitsOf } from '../executions.ts';
import { area } from './area.ts';
import {
  AREA,
  answers,
  CALLBACK,
  callBack,
  callbackUrlOf,
  calledBack,
  DOWN,
  finish,
  GONE,
  IMPATIENT,
  lastRequestId,
  PATIENT,
  RATE_EXCEEDED,
  recordOf,
  startWaiting,
  TABLE,
  THROTTLED,
  WAITING,
  WOKEN,
} from './callbacks.ts';
import { cutout, fails } from './ends.ts';
import type { Scene } from './scene.ts';

/** Faults in webhook mode: whatever becomes of a callback, it decides when the status is asked for, and nothing else. */

area(
  AREA,
  CALLBACK,
  (fault) => {
    fault('the callback comes twice', cutout({ also: 'woken once' }), async (scene) => {
      scene.next('webhook', 'send-twice');
      expect(statesOf(await scene.upload())).toEqual(WOKEN);
      expect(await answers(scene)).toEqual([204, 204]);
    });
    fault('the callback comes before the task token is stored', cutout({ also: 'not waited for' }), async (scene) => {
      scene.onTable('store-token', async () => {
        await calledBack(scene);
        return undefined;
      });
      expect(statesOf(await scene.upload())).toEqual(WOKEN);
    });
    fault('the callback comes again after the execution has ended', cutout({ also: 'nothing more' }), async (scene) => {
      await scene.upload();
      expect(await callBack(callbackUrlOf(scene))).toBe(204);
      expect(statesOf(scene.execution)).toEqual(WOKEN);
      expect(scene.executions).toHaveLength(1);
    });
    fault('the callback comes after the execution was stopped', fails('Aborted', { paid: 1 }), async (scene) => {
      await startWaiting(scene);
      scene.cloud.stepFunctions.stop(scene.execution.arn);
      await scene.settled();
      expect(await finish(scene)).toBe(204);
      expect(statesOf(scene.execution)).toEqual(WAITING);
    });
    fault(
      'the callback comes again for the submission before, which ended in ERROR',
      cutout({ also: 'not woken by it' }),
      async (scene) => {
        await startWaiting(scene, 'ERROR');
        expect(await callBack(callbackUrlOf(scene, 1))).toBe(204);
        expect((await recordOf(scene, 2))?.calledBackAt).toBeUndefined();
        expect(statesOf(scene.execution).at(-1)).toBe('Await callback');
        await finish(scene);
      },
    );

    const another = (scene: Scene) => callbackUrlOf(scene, 1).split('/').at(-1);
    const forged: [string, (url: string, scene: Scene) => string][] = [
      ['a wrong capability', (url) => `${url.slice(0, -5)}AAAAA`],
      ['no capability', (url) => url.slice(0, url.lastIndexOf('/'))],
      ['the capability of another submission', (url, scene) => url.replace(/[^/]+$/, another(scene) ?? '')],
      ['an unknown submission', (url) => url.replace(/[^/]+\/([^/]+)$/, 'bm9ib2R5IzE/$1')],
    ];
    for (const [what, forge] of forged) {
      fault(`the callback is forged, with ${what}`, cutout({ also: 'the forger gets a 404' }), async (scene) => {
        await startWaiting(scene, 'ERROR');
        const url = callbackUrlOf(scene);
        const forgery = forge(url, scene);
        expect(forgery).not.toBe(url);
        expect(await callBack(forgery, JSON.stringify({ request_id: 'forged', status: 'COMPLETED' }))).toBe(404);
        expect((await recordOf(scene, 2))?.calledBackAt).toBeUndefined();
        expect(statesOf(scene.execution).at(-1)).toBe('Await callback');
        expect(await finish(scene)).toBe(204);
        expect(await recordOf(scene, 2)).toMatchObject({ requestId: { S: lastRequestId(scene) } });
      });
    }
    const lies = {
      'names another request': { request_id: 'another-request', status: 'COMPLETED' },
      'says FAILED': { status: 'FAILED', error: 'The model could not process the image' },
      'says ERROR': { status: 'ERROR', error: 'Internal system error' },
      'says COMPLETED and names a result elsewhere': {
        status: 'COMPLETED',
        output: { media_url: ['https://example.com/another.png'] },
      },
    };
    for (const [what, lie] of Object.entries(lies)) {
      fault(`the callback ${what} while the job goes on`, cutout({ also: 'by polling' }), async (scene) => {
        await startWaiting(scene);
        expect(await callBack(callbackUrlOf(scene), JSON.stringify({ request_id: lastRequestId(scene), ...lie }))).toBe(
          204,
        );
        await scene.asked();
        await finish(scene);
        expect(scene.lastState.requestId).toBe(lastRequestId(scene));
      });
    }
    const bodies: [string, NonNullable<RequestInit['body']>, string][] = [
      ['no body', '', 'application/json'],
      ['a body that is no JSON', 'status=COMPLETED', 'application/x-www-form-urlencoded'],
      ['a body of another shape', '[null]', 'application/json'],
      ['a request id that climbs', '{"request_id":"../../admin"}', 'application/json'],
      ['a body of a megabyte', JSON.stringify({ request_id: 'x', x: 'x'.repeat(1024 * 1024) }), 'application/json'],
      ['a binary body', Buffer.from([0, 255, 254, 0]), 'application/octet-stream'],
    ];
    for (const [what, body, type] of bodies) {
      fault(`the callback has ${what}`, cutout({ also: 'woken all the same' }), async (scene) => {
        await startWaiting(scene);
        scene.next('webhook', 'lose');
        await scene.cloud.gateway.finish(lastRequestId(scene));
        expect(await callBack(callbackUrlOf(scene), body, type)).toBe(204);
        await scene.settled();
        expect(statesOf(scene.execution)).toEqual(WOKEN);
        expect((await recordOf(scene))?.requestId).toBeUndefined();
      });
    }
    fault('the callback is a GET', cutout({ also: 'not woken by it; the caller gets a 405' }), async (scene) => {
      await startWaiting(scene);
      expect((await fetch(callbackUrlOf(scene))).status).toBe(405);
      expect((await recordOf(scene))?.calledBackAt).toBeUndefined();
      await finish(scene);
      expect(statesOf(scene.execution)).toEqual(WOKEN);
    });
    const standings = {
      'still PROCESSING': { document: { status: 'PROCESSING', output: null } },
      '500': { status: 500 },
      '429': { status: 429 },
      '404': { status: 404 },
    };
    for (const [what, behaviour] of Object.entries(standings)) {
      fault(
        `the callback comes, but the status endpoint says ${what}, three times`,
        cutout({ also: 'by polling' }),
        async (scene) => {
          scene.repeat('status', behaviour, 3);
          expect(waitsOf(await scene.upload())).toHaveLength(3);
        },
      );
    }
  },
  PATIENT,
);

area(
  AREA,
  CALLBACK,
  (fault) => {
    fault('the callback is lost', cutout({ also: 'after the timeout' }), (scene) => scene.next('webhook', 'lose'));
    fault(
      'the callback is lost, and the job takes longer than it is waited for',
      cutout({ also: 'by polling' }),
      async (scene) => {
        await startWaiting(scene);
        await scene.asked();
        await finish(scene, 'lose');
      },
    );
    fault('the callback comes after the polling took over', cutout({ also: 'nothing more' }), async (scene) => {
      await startWaiting(scene);
      await scene.asked();
      expect(await finish(scene)).toBe(204);
      expect(statesOf(scene.execution).filter((state) => state === 'Await callback')).toHaveLength(1);
    });
    fault(
      'the callback comes for the first time after the execution has ended',
      cutout({ also: 'nothing more' }),
      async (scene) => {
        scene.next('webhook', 'lose');
        await scene.upload();
        expect(await callBack(callbackUrlOf(scene))).toBe(204);
        expect(statesOf(scene.execution)).toEqual(WOKEN);
      },
    );
    fault(
      'the callback is lost, three times, between two ERRORs and a success',
      cutout({ also: 'after the timeouts' }),
      (scene) => {
        scene.repeat('webhook', 'lose', 3);
        scene.next('outcome', 'ERROR', 'ERROR');
      },
    );
    const throttled = 'Lambda.TooManyRequestsException';
    fault(
      'the callback is refused, because the endpoint is throttled',
      cutout({ also: 'after the timeout' }),
      async (scene) => {
        scene.failInvocation('on-callback', throttled);
        await scene.upload();
        expect((await recordOf(scene))?.calledBackAt).toBeUndefined();
      },
      'Lambda, answer to the invocation',
    );
    for (const [what, error] of Object.entries({ throttled: THROTTLED, down: DOWN })) {
      fault(
        `the callback cannot be noted: ${what}`,
        cutout({ also: 'after the timeout; the gateway gets a 503' }),
        async (scene) => {
          scene.failTable('note-callback', error);
          await scene.upload();
          expect(await answers(scene)).toEqual([503]);
        },
        TABLE,
      );
    }
    const deaf = ['TaskTimedOut', 'TaskDoesNotExist', 'InvalidToken'];
    for (const name of deaf) {
      fault(
        `the callback wakes nobody: ${name}`,
        cutout({ also: 'after the timeout' }),
        async (scene) => {
          scene.failAws('SendTaskSuccess', new AwsError(name, 'There is no such task'));
          await startWaiting(scene);
          expect(await finish(scene)).toBe(204);
        },
        'Step Functions, answer to SendTaskSuccess',
      );
    }
    fault(
      'the callback cannot wake: throttled',
      cutout({ also: 'after the timeout; the gateway gets a 503' }),
      async (scene) => {
        scene.failAws('SendTaskSuccess', RATE_EXCEEDED);
        await startWaiting(scene);
        expect(await finish(scene)).toBe(503);
      },
      'Step Functions, answer to SendTaskSuccess',
    );
    fault(
      'on-callback dies before it has noted it',
      cutout({ also: 'after the timeout' }),
      async (scene) => {
        scene.onTable('note-callback', async () => {
          await scene.crash('on-callback');
          return GONE;
        });
        await scene.upload();
        expect(await answers(scene)).toEqual([502]);
        expect((await recordOf(scene))?.calledBackAt).toBeUndefined();
      },
      'process of on-callback',
    );
    fault(
      'on-callback dies between noting it and waking',
      cutout({ also: 'after the timeout' }),
      async (scene) => {
        scene.onAws('SendTaskSuccess', () => {
          void scene.crash('on-callback');
          return GONE;
        });
        await startWaiting(scene);
        await finish(scene);
        expect((await recordOf(scene))?.calledBackAt).toBeDefined();
      },
      'process of on-callback',
    );
    fault(
      'ERROR, three times',
      fails('RemovalError', { also: 'after three submissions, which cost nothing' }),
      (scene) => scene.next('outcome', 'ERROR', 'ERROR', 'ERROR'),
      'gateway, the status of the job',
    );
  },
  IMPATIENT,
);
