import { expect } from 'vitest';
import { statesOf } from '../executions.ts';
import { area } from './area.ts';
import {
  AREA,
  answers,
  callBack,
  callbackUrlOf,
  DOWN,
  finish,
  GONE,
  lastRequestId,
  PATIENT,
  posts,
  RATE_EXCEEDED,
  startWaiting,
  TABLE,
  THROTTLED,
  WAITING,
  WOKEN,
} from './callbacks.ts';
import { cutout, fails } from './ends.ts';
import type { Scene } from './scene.ts';

/** Faults in webhook mode of the table of callbacks, and of the function that notes them there. */

area(
  AREA,
  TABLE,
  (fault) => {
    for (const [what, error] of Object.entries({ throttled: THROTTLED, down: DOWN })) {
      fault(`${what} when Submit opens the record, three times`, cutout({ also: 'nothing sent before' }), (scene) => {
        scene.failTable('open', error, 3);
        scene.onTable('open', () => {
          const sent = posts(scene).length;
          scene.atTheEnd(() => expect(sent, 'sent before the record was there').toBe(0));
          return undefined;
        });
      });
      fault(
        `${what} when the waiting state stores the token, three times`,
        cutout({ also: 'woken' }),
        async (scene) => {
          scene.failAws('UpdateItem', error, 3);
          expect(statesOf(await scene.upload())).toEqual(WOKEN);
        },
      );
      fault(
        `${what} when the waiting state stores the token, always`,
        cutout({ also: 'by polling' }),
        async (scene) => {
          scene.failAws('UpdateItem', error, 4);
          scene.next('outcome', 'NEVER');
          await scene.start();
          await scene.asked();
          expect(await finish(scene)).toBe(204);
        },
      );
      fault(
        `${what} when a callback is noted, and the gateway calls again`,
        cutout({ also: 'woken' }),
        async (scene) => {
          scene.failTable('note-callback', error);
          await startWaiting(scene);
          scene.next('webhook', 'send');
          await scene.cloud.gateway.finish(lastRequestId(scene));
          expect(await answers(scene)).toEqual([503]);
          expect(await callBack(callbackUrlOf(scene))).toBe(204);
        },
      );
    }
    fault(
      'down when Submit opens the record, for over an hour',
      fails('InternalError', { also: 'nothing sent' }),
      async (scene) => {
        scene.failTable('open', DOWN, 34);
        await scene.upload();
        expect(posts(scene)).toEqual([]);
      },
    );
    fault('down when Submit opens the record, for over an hour, then redriving it', cutout(), async (scene) => {
      scene.failTable('open', DOWN, 34);
      expect((await scene.upload()).error).toBe('InternalError');
      await scene.redrive();
      expect(statesOf(scene.execution).slice(-WOKEN.length)).toEqual(WOKEN);
    });
    fault(
      'throttled when a superseded submission is noted',
      cutout({ also: 'the older one ends SUPERSEDED, unpaid' }),
      async (scene) => {
        await scene.uploadOvertaken(() => scene.failTable('close', THROTTLED, 2));
        expect(scene.statusOf(0, 2)).toEqual(['DELIVERED', 'SUPERSEDED']);
      },
    );
  },
  PATIENT,
);

area(
  AREA,
  'process of on-callback',
  (fault) => {
    const wakes = 'when a callback is to wake, and the gateway calls again';
    fault(
      `Step Functions throttles ${wakes}`,
      cutout({ also: 'woken' }),
      async (scene) => {
        scene.failAws('SendTaskSuccess', RATE_EXCEEDED);
        await wakeAgain(scene, 503);
      },
      'Step Functions, answer to SendTaskSuccess',
    );
    fault(`on-callback dies ${wakes}`, cutout({ also: 'woken' }), async (scene) => {
      scene.onAws('SendTaskSuccess', (count) => {
        if (count > 1) return undefined;
        void scene.crash('on-callback');
        return GONE;
      });
      await wakeAgain(scene, 502);
    });
  },
  PATIENT,
);

/** The job ends, its callback is answered so, and comes again. */
async function wakeAgain(scene: Scene, first: number): Promise<void> {
  await startWaiting(scene);
  scene.next('webhook', 'send');
  await scene.cloud.gateway.finish(lastRequestId(scene));
  expect(await answers(scene)).toEqual([first]);
  expect(statesOf(scene.execution)).toEqual(WAITING);
  expect(await callBack(callbackUrlOf(scene))).toBe(204);
}
