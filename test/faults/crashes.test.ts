import { expect } from 'vitest';
import { AwsError } from '../../local/aws-api.ts';
import type { S3Fault } from '../../local/s3.ts';
import { until } from '../until.ts';
import { area } from './area.ts';
import { cutout, fails } from './ends.ts';
import { FOR_EVER } from './injection.ts';
import type { Scene } from './scene.ts';

/** The death of a function at each point between two side effects. */

const GONE = new AwsError('ServiceUnavailable', 'Nobody is there to hear this', 503);
const ERROR_FILE = '.error.json';

/** Kills a function at its first requests of this kind to S3, before S3 does what it is asked, or after that. */
function dieAtS3(
  scene: Scene,
  bundle: string,
  [operation, bucket, suffix = '']: [operation: string, bucket: 'uploads' | 'results', suffix?: string],
  { times = 1, done = false } = {},
): void {
  const die = (count: number): S3Fault | undefined => {
    if (count > times) return undefined;
    void scene.crash(bundle);
    return done ? 'lost-answer' : 'reset';
  };
  scene.onS3(operation, bucket, die, suffix);
}

/** Kills a function at its first calls of an AWS service. */
function dieAtCall(scene: Scene, bundle: string, call: string, times = 1): void {
  scene.onAws(call, (count) => {
    if (count > times) return undefined;
    void scene.crash(bundle);
    return GONE;
  });
}

/** Kills submit at its first submissions, which are accepted or not. */
function dieAtSubmission(scene: Scene, { times, accepted }: { times: number; accepted: boolean }): void {
  scene.on('submit', (count) => {
    if (count > times) return 'accept';
    void scene.crash('submit');
    return accepted ? 'accept' : 'hang';
  });
}

area('on-upload dies', 'process of on-upload', (fault) => {
  fault('before it starts the execution', cutout(), (scene) => dieAtCall(scene, 'on-upload', 'StartExecution'));
  fault('before it starts the execution, five times', cutout(), (scene) =>
    dieAtCall(scene, 'on-upload', 'StartExecution', 5),
  );
  fault('after it has started the execution, before it knows', cutout({ also: 'one execution' }), async (scene) => {
    let deaths = 0;
    scene.onEvent('Step Functions Execution Status Change', ({ detail }) => {
      if (detail.status === 'RUNNING' && deaths++ === 0) void scene.crash('on-upload');
    });
    scene.onInvocation('on-upload', () => {});
    await scene.upload();
    await until(() => scene.invocations('on-upload') >= 2 || undefined);
    expect(scene.executions).toHaveLength(1);
    expect(deaths).toBe(1);
  });
});

area('submit dies', 'process of submit', (fault) => {
  fault('before it looks at the image', cutout(), (scene) => dieAtS3(scene, 'submit', ['GetObject', 'uploads']));
  fault('between the look and the submission', cutout(), async (scene) => {
    await scene.crash('submit');
    dieAtCall(scene, 'submit', 'GetSecretValue');
  });
  fault('while it submits, before the gateway accepts', cutout(), (scene) =>
    dieAtSubmission(scene, { times: 1, accepted: false }),
  );
  fault('after the gateway has accepted, before the state holds the request id', cutout({ paid: 2 }), (scene) =>
    dieAtSubmission(scene, { times: 1, accepted: true }),
  );
  fault('after the gateway has accepted, three times in a row', cutout({ paid: 4 }), (scene) =>
    dieAtSubmission(scene, { times: 3, accepted: true }),
  );
  fault(
    'after the gateway has accepted, always',
    fails('InternalError', { as: 'Runtime.ExitError', paid: 4, also: 'no fifth submission' }),
    (scene) => dieAtSubmission(scene, { times: FOR_EVER, accepted: true }),
  );
});

area('check-status dies', 'process of check-status', (fault) => {
  fault('while it asks', cutout(), (scene) =>
    scene.on('status', (count) => {
      if (count === 1) void scene.crash('check-status');
      return 'normal';
    }),
  );
});

area('deliver dies', 'process of deliver', (fault) => {
  fault('while it opens the download', cutout(), (scene) =>
    scene.on('download', (count) => {
      if (count > 1) return 'normal';
      void scene.crash('deliver');
      return 'hang';
    }),
  );
  fault('before it looks at the image', cutout(), (scene) => dieAtS3(scene, 'deliver', ['HeadObject', 'uploads']));
  fault('before the result is stored', cutout(), (scene) => dieAtS3(scene, 'deliver', ['PutObject', 'results']));
  fault(
    'half-way through a multipart upload',
    cutout({ also: 'S3 drops the parts that are left after a day' }),
    (scene) => {
      const bytes = 9 * 1024 * 1024;
      const before = scene.cloud.s3.uploadsUnderWay;
      scene.on('download', () => ({ bytes }));
      scene.expectBytes(bytes);
      dieAtS3(scene, 'deliver', ['UploadPart', 'results'], { done: true });
      scene.atTheEnd(() => {
        expect(scene.cloud.s3.uploadsUnderWay).toBe(before + 1);
        expect(scene.dropsPartsAfterDays).toBe(1);
      });
    },
  );
  fault('after the result is stored, before it knows', cutout(), (scene) =>
    dieAtS3(scene, 'deliver', ['PutObject', 'results'], { done: true }),
  );
  const beforeDeletion = 'between the result and the deletion of the old error file';
  fault(
    beforeDeletion,
    cutout(),
    async (scene) => {
      scene.next('submit', { status: 402 });
      await scene.upload();
      dieAtS3(scene, 'deliver', ['DeleteObject', 'results', ERROR_FILE]);
      await scene.redrive();
    },
    'process of deliver; redriven after a 402',
  );
});

area('report-failure dies', 'process of report-failure, after a 402', (fault) => {
  const failing = (scene: Scene) => scene.next('submit', { status: 402 });
  fault('before it looks at the execution', fails('InsufficientBalance'), (scene) => {
    failing(scene);
    dieAtCall(scene, 'report-failure', 'DescribeExecution', 2);
  });
  fault('before it writes the error file', fails('InsufficientBalance'), (scene) => {
    failing(scene);
    dieAtS3(scene, 'report-failure', ['PutObject', 'results', ERROR_FILE], { times: 2 });
  });
  fault('between writing the error file and the second look', fails('InsufficientBalance'), (scene) => {
    failing(scene);
    dieAtS3(scene, 'report-failure', ['PutObject', 'results', ERROR_FILE], { times: 2, done: true });
  });
  fault(
    'between writing the error file and the second look, when a redrive has delivered meanwhile',
    cutout({ also: 'the error file is withdrawn' }),
    async (scene) => {
      failing(scene);
      scene.onS3(
        'PutObject',
        'results',
        async (count) => {
          if (count > 1) return undefined;
          await scene.redriveNow();
          void scene.crash('report-failure');
          return 'lost-answer';
        },
        ERROR_FILE,
      );
    },
  );
});
