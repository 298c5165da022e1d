import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { expect } from 'vitest';
import { AwsError } from '../../local/aws-api.ts';
import type { CloudOptions } from '../../local/cloud.ts';
import { area } from './area.ts';
import { cutout, fails } from './ends.ts';
import { FOR_EVER } from './injection.ts';
import { HASTY } from './options.ts';
import type { Scene } from './scene.ts';

/** Faults of the count of a day's submissions. */

const LIMIT = 1000;
const LIMITED: CloudOptions = { ...HASTY, settings: { imagesPerDay: LIMIT } };
const THROTTLED = new AwsError('ProvisionedThroughputExceededException', 'The rate of requests is too high');
const DOWN = new AwsError('InternalServerError', 'The service is down', 500);

const today = () => ({ day: { S: new Date().toISOString().slice(0, 10) } });

function tableOf({ cloud }: Scene): string {
  return cloud.template.output('DailyLimitTable');
}

/** How many submissions of today are counted. */
async function counted(scene: Scene): Promise<number> {
  const item = new GetItemCommand({ TableName: tableOf(scene), Key: today(), ConsistentRead: true });
  const { Item } = (await scene.cloud.dynamoDb?.client.send(item)) ?? {};
  return Number(Item?.submissions?.N ?? 0);
}

async function setCount(scene: Scene, submissions: number): Promise<void> {
  const Item = { ...today(), submissions: { N: String(submissions) } };
  await scene.cloud.dynamoDb?.client.send(new PutItemCommand({ TableName: tableOf(scene), Item }));
}

/** Uploads the image, after which so many more are counted. */
async function uploadCounted(scene: Scene, more: number): Promise<void> {
  await setCount(scene, 0);
  await scene.upload();
  expect(await counted(scene), 'counted').toBe(more);
}

area(
  'The daily limit',
  'DynamoDB, count of the day',
  (fault) => {
    fault('is reached', fails('DailyLimitReached', { also: 'nothing sent, at two tries' }), async (scene) => {
      await setCount(scene, LIMIT);
      scene.afterwards(() => void setCount(scene, 0));
      const posts = scene.cloud.gateway.submissions.length;
      await scene.upload();
      expect(scene.invocations('submit')).toBe(2);
      expect(scene.cloud.gateway.submissions.length).toBe(posts);
      await setCount(scene, 0);
    });
    fault('is reached, until a refused submission gives its count back', cutout(), async (scene) => {
      await setCount(scene, LIMIT);
      scene.onTable('count', async (tries) => {
        if (tries === 2) await setCount(scene, LIMIT - 1);
        return undefined;
      });
      await scene.upload();
      await setCount(scene, 0);
    });
    fault('is reached, then it is raised and the execution redriven', cutout(), async (scene) => {
      await setCount(scene, LIMIT);
      expect((await scene.upload()).error).toBe('DailyLimitReached');
      await setCount(scene, 0);
      await scene.redrive();
    });
    fault('429, three times', cutout({ also: 'counted once' }), async (scene) => {
      scene.repeat('submit', { status: 429 }, 3);
      await uploadCounted(scene, 1);
    });
    fault('402', fails('InsufficientBalance', { also: 'not counted' }), async (scene) => {
      scene.next('submit', { status: 402 });
      await uploadCounted(scene, 0);
    });
    fault('an answer that is lost after acceptance', cutout({ paid: 2, also: 'counted twice' }), async (scene) => {
      scene.next('submit', 'accept-then-reset');
      await uploadCounted(scene, 2);
    });
    fault('an answer that is lost, and nothing was accepted', cutout({ also: 'counted twice' }), async (scene) => {
      scene.next('submit', 'reset');
      await uploadCounted(scene, 2);
    });
    fault('ERROR, once', cutout({ also: 'counted twice' }), async (scene) => {
      scene.next('outcome', 'ERROR');
      await uploadCounted(scene, 2);
    });
    for (const [what, error] of Object.entries({ throttled: THROTTLED, down: DOWN })) {
      fault(
        `the count is ${what}, three times`,
        cutout({ also: 'counted once, nothing sent before' }),
        async (scene) => {
          const posts = scene.cloud.gateway.submissions.length;
          scene.failTable('count', error, 3);
          await uploadCounted(scene, 1);
          expect(scene.cloud.gateway.submissions.length).toBe(posts + 1);
        },
      );
    }
    fault('the count is down, for over an hour', fails('InternalError', { also: 'nothing sent' }), async (scene) => {
      const posts = scene.cloud.gateway.submissions.length;
      scene.failTable('count', DOWN, FOR_EVER);
      await uploadCounted(scene, 0);
      expect(scene.cloud.gateway.submissions.length).toBe(posts);
    });
    fault(
      'the API key may not be read, for over an hour',
      fails('InternalError', { also: 'nothing sent, not counted' }),
      async (scene) => {
        await scene.crash('submit');
        scene.failAws('GetSecretValue', new AwsError('AccessDeniedException', 'Not allowed'), FOR_EVER);
        await uploadCounted(scene, 0);
      },
      'Secrets Manager, answer to GetSecretValue',
    );
    fault(
      'a refused submission cannot give its count back',
      fails('InsufficientBalance', { also: 'the count stays too high' }),
      async (scene) => {
        scene.next('submit', { status: 402 });
        scene.failTable('give-back', DOWN);
        await uploadCounted(scene, 1);
      },
    );
    fault(
      'submit dies between the count and the POST',
      cutout({ also: 'counted twice' }),
      async (scene) => {
        scene.on('submit', (count) => {
          if (count > 1) return 'accept';
          void scene.crash('submit');
          return 'hang';
        });
        await uploadCounted(scene, 2);
      },
      'process of submit',
    );
  },
  LIMITED,
);
