import { expect } from 'vitest';
import type { StatusBehaviour } from '../../local/gateway.ts';
import { statesOf, waitsOf } from '../executions.ts';
import { area } from './area.ts';
import { cutout, fails } from './ends.ts';
import { skewed } from './options.ts';

/** Faults when the gateway is asked where a job stands: by then it is paid for, and nothing may pay for it again. */

/** More than the looks of an hour. */
const AN_HOUR = 150;

area('Asking for the status', 'gateway, answer to the GET', (fault) => {
  const passing: [string, StatusBehaviour][] = [
    ['429 without Retry-After', { status: 429 }],
    ['500', { status: 500 }],
    ['503', { status: 503 }],
    ['a web page', 'html'],
    ['a reset connection', 'reset'],
    ['404 at first', { status: 404 }],
    ['an answer for another request', { document: { request_id: 'another-request' } }],
    ['an unknown status', { document: { status: 'THINKING', output: null } }],
    ['an answer of a megabyte', { status: 200, body: 'x'.repeat(1024 * 1024) }],
    ['an answer that is no JSON', { status: 200, body: '{"request_id": "' }],
    ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:9/' } }],
  ];
  for (const [what, behaviour] of passing) {
    fault(`${what}, three times`, cutout(), (scene) => scene.repeat('status', behaviour, 3));
  }
  fault('429 with Retry-After', cutout({ also: 'not asked again sooner' }), async (scene) => {
    scene.next('status', { status: 429, headers: { 'retry-after': '77' } });
    const [asked] = waitsOf(await scene.upload());
    expect(asked).toBe(77);
  });
  fault('503 for an hour', cutout(), (scene) => scene.repeat('status', { status: 503 }, AN_HOUR));
  const final: [number, Parameters<typeof fails>[0]][] = [
    [400, 'BadRequest'],
    [401, 'Unauthorized'],
    [402, 'InsufficientBalance'],
    [403, 'Forbidden'],
  ];
  for (const [status, error] of final) {
    fault(`${status}`, fails(error, { paid: 1 }), (scene) => scene.next('status', { status }));
  }
  fault('COMPLETED without an output, three times', cutout(), (scene) =>
    scene.repeat('status', { document: { status: 'COMPLETED', output: null } }, 3),
  );
  fault('COMPLETED with an empty list of results, three times', cutout(), (scene) =>
    scene.repeat('status', { document: { status: 'COMPLETED', output: { media_url: [] } } }, 3),
  );
});

area('How a job ends', 'gateway, the status of the job', (fault) => {
  fault('FAILED', fails('RemovalFailed', { paid: 1 }), (scene) => scene.next('outcome', 'FAILED'));
  fault('ERROR, once', cutout(), (scene) => scene.next('outcome', 'ERROR'));
  fault('ERROR, twice', cutout(), (scene) => scene.next('outcome', 'ERROR', 'ERROR'));
  fault(
    'ERROR, three times',
    fails('RemovalError', { also: 'after three submissions, which cost nothing' }),
    async (scene) => {
      scene.next('outcome', 'ERROR', 'ERROR', 'ERROR');
      expect(statesOf(await scene.upload()).filter((name) => name === 'Submit')).toHaveLength(3);
    },
  );
});

area(
  'A job that is too old',
  'clock of Check status, which is a day later',
  (fault) => {
    fault('it never finishes', fails('JobTimedOut', { paid: 1 }), (scene) => scene.next('outcome', 'NEVER'));
    fault('404 for over two minutes', fails('NotFound', { paid: 1 }), (scene) => scene.next('status', { status: 404 }));
    fault('it has finished meanwhile', cutout(), () => {});
  },
  skewed({ CheckStatus: 24 * 60 }),
);

area(
  'A job that seems to come from the future',
  'clock of Check status, which is an hour earlier',
  (fault) => {
    fault('it has to be asked for three times', cutout({ also: 'waits as for a new job' }), async (scene) => {
      scene.repeat('status', { status: 503 }, 3);
      expect(waitsOf(await scene.upload())).toEqual([5, 5, 5]);
      expect(scene.cloud.logs.join()).toMatch(/"ageSeconds":-3\d{3}\b/);
    });
  },
  skewed({ CheckStatus: -60 }),
);
