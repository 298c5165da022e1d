import { expect } from 'vitest';
import { AwsError } from '../../local/aws-api.ts';
import type { CloudOptions } from '../../local/cloud.ts';
import type { S3Fault } from '../../local/s3.ts';
import { errorFile } from '../pipeline-rig.ts';
import { until } from '../until.ts';
import { area } from './area.ts';
import { cutout, fails } from './ends.ts';
import { FOR_EVER, SLOW_DOWN } from './injection.ts';
import { HASTY } from './options.ts';
import type { Scene } from './scene.ts';

/** Refusals for a reason of the account, which hold uploads back, and what goes wrong with that. */

const PAUSE = 'paused.json';
const PAUSES: CloudOptions = { ...HASTY, settings: { pause: true } };
const FORBIDDEN: S3Fault = { status: 403, code: 'AccessDenied' };

const isPaused = ({ cloud }: Scene) => cloud.s3.get(cloud.resultsBucket, PAUSE) !== undefined;

/** What the schedule runs every five minutes. */
async function fiveMinutesPass(scene: Scene): Promise<void> {
  await scene.cloud.runSchedules();
  await scene.cloud.settled();
}

/** Has the pause that a row begins end with it. */
function endPauseAfterwards(scene: Scene): void {
  scene.afterwards(() => {
    scene.cloud.s3.delete(scene.cloud.resultsBucket, PAUSE);
    scene.queue('IntakeQueue').isRead = true;
  });
}

/** Another image is refused, and uploads are held back. @returns its key */
async function refuseAnother(scene: Scene): Promise<string> {
  const { cloud } = scene;
  endPauseAfterwards(scene);
  cloud.gateway.nextSubmits({ status: 402 });
  const key = `other/${scene.key}`;
  cloud.s3.put(cloud.uploadsBucket, key, scene.body);
  await until(() => isPaused(scene) || undefined);
  await cloud.settled();
  return key;
}

/** Uploads the image, which is held back, at the schedule's next run for good. */
async function uploadInPause(scene: Scene): Promise<void> {
  const before = scene.invocations('on-upload');
  scene.put();
  await until(() => scene.invocations('on-upload') > before || undefined);
  await fiveMinutesPass(scene);
  expect(scene.executions, 'held back').toEqual([]);
}

/** The image has come to an execution, and that to its end. */
async function untilDone(scene: Scene): Promise<void> {
  scene.execution = await until(() => scene.executions[0]);
  await scene.cloud.settled();
}

area(
  'An account that is refused',
  'gateway, answer to the POST',
  (fault) => {
    for (const status of [401, 402, 403]) {
      fault(`${status}, then no more`, cutout({ also: 'redriven by itself within five minutes' }), async (scene) => {
        endPauseAfterwards(scene);
        scene.next('submit', { status }, { status });
        await scene.upload();
        expect(isPaused(scene)).toBe(true);
        await fiveMinutesPass(scene);
        expect(errorFile(scene.cloud, scene.key)).toBeDefined();
        await fiveMinutesPass(scene);
        expect(isPaused(scene)).toBe(false);
      });
    }
    fault(
      'no API key is stored, then it is',
      cutout({ also: 'redriven by itself within five minutes' }),
      async (scene) => {
        endPauseAfterwards(scene);
        await scene.uploadWithoutApiKey();
        await fiveMinutesPass(scene);
      },
      'Secrets Manager',
    );
    fault(
      '402 of another image, before the upload',
      cutout({ paid: 2, also: 'once the other, too, is accepted' }),
      async (scene) => {
        const other = await refuseAnother(scene);
        scene.cloud.gateway.nextSubmits({ status: 402 });
        await uploadInPause(scene);
        await fiveMinutesPass(scene);
        await untilDone(scene);
        expect(scene.cloud.s3.get(scene.cloud.resultsBucket, `${other}.png`)).toBeDefined();
      },
    );
  },
  PAUSES,
);

area(
  'What goes wrong while uploads are held back',
  'S3, object of the pause',
  (fault) => {
    fault('S3 does not tell on-upload whether there is a pause', cutout(), (scene) =>
      scene.failS3('HeadObject', 'results', SLOW_DOWN, 1, PAUSE),
    );
    fault('S3 does not tell Submit whether there is a pause', cutout(), (scene) =>
      scene.onS3('HeadObject', 'results', (count) => (count === 2 ? SLOW_DOWN : undefined), PAUSE),
    );
    fault('S3 forbids to look', cutout(), (scene) => scene.failS3('HeadObject', 'results', FORBIDDEN, 2, PAUSE));
    fault('it cannot be deleted by Submit, which was accepted', cutout({ also: 'paid once' }), async (scene) => {
      endPauseAfterwards(scene);
      scene.next('submit', { status: 402 });
      await scene.upload();
      scene.failS3('DeleteObject', 'results', FORBIDDEN, 1, PAUSE);
      await scene.redrive();
      expect(isPaused(scene)).toBe(true);
      // Nothing is left to be redriven.
      await fiveMinutesPass(scene);
      expect(isPaused(scene)).toBe(false);
    });
    fault(
      'the event source mapping cannot be changed, because it is changing',
      cutout({ paid: 2, also: 'held back all the same; another one is paid, too' }),
      async (scene) => {
        await refuseAnother(scene);
        scene.cloud.gateway.nextSubmits({ status: 402 });
        scene.failAws('UpdateEventSourceMapping', new AwsError('ResourceInUseException', 'in use'));
        const before = scene.invocations('on-upload');
        scene.put();
        await until(() => scene.invocations('on-upload') > before + 1 || undefined);
        await scene.cloud.runSchedules();
        expect(scene.executions).toEqual([]);
        await scene.cloud.runSchedules();
        await untilDone(scene);
      },
      'Lambda, answer to UpdateEventSourceMapping',
    );
    fault(
      'SQS does not take a message anew that has been received ten times',
      cutout({ paid: 2, also: 'no dead letter; another one is paid, too' }),
      async (scene) => {
        await refuseAnother(scene);
        scene.failAws('SendMessage', new AwsError('ServiceUnavailable', 'down', 503));
        const before = scene.invocations('on-upload');
        scene.put();
        await until(() => scene.invocations('on-upload') > before + 15 || undefined);
        await scene.cloud.runSchedules();
        await untilDone(scene);
        expect(scene.deadLetters('Intake', scene.key)).toEqual([]);
      },
      'SQS, answer to SendMessage',
    );
    // The last ones: what they leave failed, another row's pause would have redriven.
    fault(
      'S3 forbids to write',
      fails('InsufficientBalance', { also: 'and uploads are not held back' }),
      async (scene) => {
        scene.next('submit', { status: 402 });
        scene.failS3('PutObject', 'results', FORBIDDEN, 1, PAUSE);
        await scene.upload();
        expect(isPaused(scene)).toBe(false);
      },
    );
    fault(
      '402, always',
      fails('InsufficientBalance', { also: 'tried again every five minutes' }),
      async (scene) => {
        endPauseAfterwards(scene);
        scene.repeat('submit', { status: 402 }, FOR_EVER);
        const before = scene.cloud.gateway.submissions.length;
        await scene.upload();
        for (let run = 1; run <= 3; run++) await fiveMinutesPass(scene);
        expect(scene.cloud.gateway.submissions.length - before).toBe(4);
      },
      'gateway, answer to the POST',
    );
  },
  PAUSES,
);
