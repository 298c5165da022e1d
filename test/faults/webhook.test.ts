import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { expect } from 'vitest';
import { submissionId } from '../../functions/callbacks/table.ts';
import { AwsError } from '../../local/aws-api.ts';
import type { CloudOptions } from '../../local/cloud.ts';
import type {
  JobOutcome,
  StatusBehaviour,
  Submission,
  SubmitBehaviour,
  WebhookBehaviour,
} from '../../local/gateway.ts';
import { statesOf, waitsOf } from '../executions.ts';
import { until } from '../until.ts';
import { area } from './area.ts';
import { cutout, fails } from './ends.ts';
import { FOR_EVER } from './injection.ts';
import { HASTY, skewed } from './options.ts';
import type { Scene } from './scene.ts';

/** Faults in webhook mode: whatever becomes of a callback, it decides when the status is asked for, and nothing else. */

/** Waits for a callback as long as the definition says, five minutes: a row that is not woken does not end. */
const PATIENT: CloudOptions = { ...HASTY, settings: { webhook: true } };
/** Polls soon. */
const IMPATIENT: CloudOptions = { ...PATIENT, callbackTimeoutMs: 50 };
const OLD: CloudOptions = {
  ...IMPATIENT,
  environment: { ...HASTY.environment, ...skewed({ CheckStatus: 24 * 60 }).environment },
};

const AREA = 'Webhook mode';
const CALLBACK = 'gateway, its callback';
const TABLE = 'DynamoDB, table of callbacks';

const THROTTLED = new AwsError('ProvisionedThroughputExceededException', 'The rate of requests is too high');
const DOWN = new AwsError('InternalServerError', 'The service is down', 500);
const RATE_EXCEEDED = new AwsError('ThrottlingException', 'Rate exceeded');
const GONE = new AwsError('ServiceUnavailable', 'Nobody is there to hear this', 503);

const WAITING = ['Submit', 'Await callback'];
const WOKEN = [...WAITING, 'Check status', 'Finished?', 'Deliver'];

/** The POSTs of this row, accepted or not. */
const posts = (scene: Scene): Submission[] =>
  scene.cloud.gateway.submissions.filter(({ imageUrl }) => decodeURIComponent(imageUrl).includes(`/${scene.key}`));

/** Where the latest submission, or the given one of this row, is to be called back. */
function callbackUrlOf(scene: Scene, submission?: number): string {
  const post = submission === undefined ? posts(scene).at(-1) : posts(scene)[submission - 1];
  return post?.headers['x-webhook-url'] ?? '';
}

const lastRequestId = (scene: Scene): string =>
  posts(scene).findLast(({ accepted }) => accepted)?.requestId ?? 'none has been accepted';

/** What the table knows of a submission of this row. */
async function recordOf(scene: Scene, submission = 1) {
  const { template, dynamoDb } = scene.cloud;
  const TableName = template.ref(template.resources('AWS::DynamoDB::Table')[0]?.logicalId ?? '');
  const Key = { submission: { S: submissionId(scene.execution.name, submission) } };
  return (await dynamoDb?.client.send(new GetItemCommand({ TableName, Key, ConsistentRead: true })))?.Item;
}

/** Waits until a callback has been noted. */
async function calledBack(scene: Scene, submission = 1): Promise<void> {
  await until(() => scene.hasBegun || undefined);
  await until(async () => (await recordOf(scene, submission))?.calledBackAt !== undefined || undefined);
}

/** Waits until the execution can be woken. */
async function waiting(scene: Scene, submission = 1): Promise<void> {
  await until(async () => (await recordOf(scene, submission))?.taskToken !== undefined || undefined);
}

/** Uploads an image whose last job does not end by itself, and waits until the execution can be woken. */
async function startWaiting(scene: Scene, ...before: JobOutcome[]): Promise<void> {
  scene.next('outcome', ...before, 'NEVER');
  await scene.start();
  await waiting(scene, before.length + 1);
}

/** The job ends, and the gateway's callback has been answered, unless it is lost. @returns the answer's status */
async function finish(scene: Scene, webhook: WebhookBehaviour = 'send'): Promise<number | undefined> {
  scene.next('webhook', webhook);
  await scene.cloud.gateway.finish(lastRequestId(scene));
  await scene.settled();
  return (await answers(scene)).at(-1);
}

/** How the gateway's callbacks of this row were answered. */
async function answers(scene: Scene): Promise<(number | undefined)[]> {
  await scene.cloud.gateway.tick();
  const ids = posts(scene).map(({ requestId }) => requestId);
  return scene.cloud.gateway.webhookCalls
    .filter(({ requestId }) => ids.includes(requestId))
    .map(({ status }) => status);
}

/** Somebody calls back. @returns the answer's status */
async function callBack(
  url: string,
  body: NonNullable<RequestInit['body']> = '{}',
  type = 'application/json',
): Promise<number> {
  const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': type } });
  expect(await answer.text(), 'says nothing').toBe('');
  return answer.status;
}

/** The second attempt to submit goes on once the callback of the first one has been noted. */
function retryAfterCallback(scene: Scene): void {
  scene.onTable('open', async (count) => {
    if (count === 2) await calledBack(scene);
    return undefined;
  });
}

/** How often a request was asked for. */
const asked = (scene: Scene, id: string) =>
  scene.cloud.gateway.statusRequests.filter(({ requestId }) => requestId === id).length;

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
        const { held, release } = scene.holdEvents('Object Created');
        scene.put();
        scene.replace();
        release(held[1]);
        await scene.settled();
        scene.failTable('close', THROTTLED, 2);
        release(held[0]);
        await until(() => scene.executions.length === 2 || undefined);
        await scene.settled();
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
        const { held, release } = scene.holdEvents('Object Created');
        scene.put();
        scene.replace();
        release(held[1]);
        await scene.settled();
        const newer = scene.execution;
        release(held[0]);
        scene.execution = await until(() => scene.executions[1]);
        await scene.settled();
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
