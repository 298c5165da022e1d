import { expect } from 'vitest';
import type { StatusBehaviour, SubmitBehaviour } from '../../local/gateway.ts';
import { statesOf } from '../executions.ts';
import { area } from './area.ts';
import {
  AREA,
  asked,
  callBack,
  callbackUrlOf,
  GONE,
  lastRequestId,
  PATIENT,
  posts,
  recordOf,
  retryAfterCallback,
  WOKEN,
  waiting,
} from './callbacks.ts';
import { cutout, fails } from './ends.ts';
import { FOR_EVER } from './injection.ts';
import type { Scene } from './scene.ts';

/** Faults in webhook mode of a submission whose callback may come though its answer was lost. */

area(
  AREA,
  'gateway, answer to the POST',
  (fault) => {
    const lost: [string, SubmitBehaviour][] = [
      ['a reset connection', 'accept-then-reset'],
      ['500', 'accept-then-500'],
      ['202 without a request id', 'no-request-id'],
    ];
    for (const [what, behaviour] of lost) {
      fault(
        `${what} after acceptance, then the callback`,
        cutout({ also: 'of the request that the callback revealed' }),
        async (scene) => {
          scene.next('submit', behaviour);
          retryAfterCallback(scene);
          await scene.upload();
          expect(posts(scene)).toHaveLength(1);
          expect(statesOf(scene.execution)).toEqual(WOKEN);
        },
      );
      fault(`${what} after acceptance, and no callback`, cutout({ paid: 2 }), (scene) => {
        scene.next('submit', behaviour);
        scene.next('webhook', 'lose');
      });
    }
    fault(
      'a reset connection after acceptance, and the callback comes once it has been paid for again',
      cutout({ paid: 2, also: 'of the second request' }),
      async (scene) => {
        scene.next('submit', 'accept-then-reset');
        scene.next('outcome', 'NEVER', 'NEVER');
        await scene.start();
        await waiting(scene);
        const [first = '', second = ''] = posts(scene).map(({ requestId }) => requestId);
        await scene.cloud.gateway.finish(first);
        await scene.asked();
        await scene.cloud.gateway.finish(second);
        await scene.settled();
        expect(scene.lastState.requestId).toBe(second);
      },
    );
    fault(
      'a reset connection after acceptance, and the revealed job ended in ERROR',
      cutout({ also: 'of the next submission' }),
      async (scene) => {
        scene.next('submit', 'accept-then-reset');
        scene.next('outcome', 'ERROR');
        retryAfterCallback(scene);
        await scene.upload();
        expect(posts(scene)).toHaveLength(2);
        expect(await recordOf(scene, 2)).toBeDefined();
      },
    );
    fault(
      'a reset connection after acceptance, and the revealed job FAILED',
      fails('RemovalFailed', { paid: 1 }),
      async (scene) => {
        scene.next('submit', 'accept-then-reset');
        scene.next('outcome', 'FAILED');
        retryAfterCallback(scene);
      },
    );
    fault(
      'a reset connection, four times, once after acceptance, then redriving it when the callback has come',
      cutout({ also: 'of the request that the callback revealed' }),
      async (scene) => {
        scene.next('submit', 'accept-then-reset', 'reset', 'reset', 'reset');
        scene.next('outcome', 'NEVER');
        expect((await scene.upload()).error).toBe('OutcomeUnknown');
        await scene.cloud.gateway.finish(lastRequestId(scene));
        await scene.redrive();
      },
    );
    fault(
      'a reset connection, then a callback that names a request unknown to the gateway',
      cutout({ also: 'after a second submission' }),
      async (scene) => {
        scene.next('submit', 'reset');
        scene.onTable('open', async (count) => {
          if (count === 2) expect(await callBack(callbackUrlOf(scene), '{"request_id":"unheard-of"}')).toBe(204);
          return undefined;
        });
        await scene.upload();
        expect(posts(scene)).toHaveLength(2);
        expect(asked(scene, 'unheard-of')).toBe(1);
      },
    );
  },
  PATIENT,
);

area(
  AREA,
  'gateway, answer to the GET of the request that a callback revealed',
  (fault) => {
    const silent: [string, StatusBehaviour][] = [
      ['500', { status: 500 }],
      ['429', { status: 429 }],
      ['a reset connection', 'reset'],
      ['a web page', 'html'],
      ['an answer for another request', { document: { request_id: 'another-request' } }],
    ];
    for (const [what, behaviour] of silent) {
      fault(`${what}, ten times`, cutout({ also: 'nothing sent again' }), async (scene) => {
        withholdStatus(scene, behaviour, 10);
        await scene.upload();
        expect(posts(scene)).toHaveLength(1);
      });
    }
    fault(
      '500 for over two hours',
      fails('GatewayUnreachable', { paid: 1, also: 'nothing sent again' }),
      async (scene) => {
        withholdStatus(scene, { status: 500 }, FOR_EVER);
        await scene.upload();
        expect(posts(scene)).toHaveLength(1);
      },
    );
    fault('401', fails('Unauthorized', { paid: 1, also: 'nothing sent again' }), async (scene) => {
      withholdStatus(scene, { status: 401 }, 1);
      await scene.upload();
      expect(posts(scene)).toHaveLength(1);
    });
  },
  PATIENT,
);

/** A submission is accepted, its answer lost, its callback noted; then the gateway does not say where the job stands. */
function withholdStatus(scene: Scene, behaviour: StatusBehaviour, times: number): void {
  scene.next('submit', 'accept-then-reset');
  retryAfterCallback(scene);
  scene.repeat('status', behaviour, times);
}

area(
  AREA,
  'process of submit',
  (fault) => {
    fault('dies between opening the record and the submission', cutout({ also: 'woken' }), async (scene) => {
      // Without the key it had cached, it asks for the key in between.
      await scene.crash('submit');
      scene.onAws('GetSecretValue', (count) => {
        if (count > 1) return undefined;
        void scene.crash('submit');
        return GONE;
      });
      scene.onTable('open', () => undefined);
      await scene.upload();
      expect(posts(scene)).toHaveLength(1);
    });
    const dieOnceAccepted = (scene: Scene) =>
      scene.on('submit', (count) => {
        if (count === 1) void scene.crash('submit');
        return 'accept';
      });
    fault('dies after the gateway has accepted, then the callback', cutout(), async (scene) => {
      dieOnceAccepted(scene);
      retryAfterCallback(scene);
      await scene.upload();
      expect(posts(scene)).toHaveLength(1);
    });
    fault('dies after the gateway has accepted, and no callback', cutout({ paid: 2 }), async (scene) => {
      dieOnceAccepted(scene);
      scene.next('webhook', 'lose');
    });
  },
  PATIENT,
);
