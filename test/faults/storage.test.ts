import { expect } from 'vitest';
import type { S3Fault } from '../../local/s3.ts';
import { messageOf } from '../executions.ts';
import { area } from './area.ts';
import { cutout, fails } from './ends.ts';
import { FOR_EVER, SLOW_DOWN } from './injection.ts';
import { HASTY } from './options.ts';
import type { Scene } from './scene.ts';

/** Faults of S3, at each request that a function makes. */

const ERROR_FILE = '.error.json';
/** A result of two parts. */
const LARGE = 9 * 1024 * 1024;
const DENIED: S3Fault = { status: 403, code: 'AccessDenied', message: 'User: arn:aws:iam::1:role/x is not authorized' };

type Request = [what: string, operation: string, bucket: 'uploads' | 'results', prepare?: (scene: Scene) => void];

/** The requests on the way of an image that ends well. */
const REQUESTS: Request[] = [
  ["GET of the image's first bytes", 'GetObject', 'uploads'],
  ['HEAD of the result', 'HeadObject', 'results'],
  ['HEAD of the image before the result is written', 'HeadObject', 'uploads'],
  ['PUT of the result', 'PutObject', 'results'],
  ['beginning of a multipart upload', 'CreateMultipartUpload', 'results', large],
  ['PUT of a part', 'UploadPart', 'results', large],
  ['completion of a multipart upload', 'CompleteMultipartUpload', 'results', large],
];

function large(scene: Scene): void {
  scene.on('download', () => ({ bytes: LARGE }));
  scene.expectBytes(LARGE);
}

area('S3 has trouble for a moment', 'S3, answer to one request', (fault) => {
  // The AWS client tries again by itself; three requests stand for all.
  for (const [what, operation, bucket, prepare] of REQUESTS.filter((_, index) => index % 3 === 0)) {
    fault(`${what}: SlowDown, once`, cutout(), (scene) => {
      prepare?.(scene);
      scene.failS3(operation, bucket, SLOW_DOWN);
    });
  }
  fault('PUT of the result: the connection is reset', cutout(), (scene) =>
    scene.failS3('PutObject', 'results', 'reset'),
  );
});

area(
  'S3 has trouble for longer',
  'S3, answers to requests',
  (fault) => {
    for (const [what, operation, bucket, prepare] of REQUESTS) {
      fault(`${what}: SlowDown, for a while`, cutout(), (scene) => {
        prepare?.(scene);
        scene.failS3(operation, bucket, SLOW_DOWN, 4);
      });
    }
    fault(
      'HEAD of the result: SlowDown, while the CDN answers 503',
      cutout({ also: 'no function crashes' }),
      (scene) => {
        // Once Submit has looked there, too.
        scene.on('status', (count) => {
          if (count === 1) scene.failS3('HeadObject', 'results', SLOW_DOWN, 3);
          return 'normal';
        });
        scene.repeat('download', { status: 503 }, 6);
        scene.atTheEnd(() => {
          const errors = scene.execution.history.flatMap(({ taskFailedEventDetails: failed }) => failed?.error ?? []);
          expect(errors).toEqual(['DownloadFailed', 'DownloadFailed', 'DownloadFailed']);
        });
      },
    );
    fault("GET of the image's first bytes: SlowDown, for over an hour", fails('InternalError'), (scene) =>
      scene.failS3('GetObject', 'uploads', SLOW_DOWN, FOR_EVER),
    );
    fault('PUT of the result: SlowDown, for over an hour', fails('InternalError', { paid: 1 }), (scene) =>
      scene.failS3('PutObject', 'results', SLOW_DOWN, FOR_EVER, '.png'),
    );
    fault(
      'completion and abortion of a multipart upload: SlowDown',
      cutout({ also: 'S3 drops the parts that are left after a day' }),
      (scene) => {
        large(scene);
        const before = scene.cloud.s3.uploadsUnderWay;
        scene.failS3('CompleteMultipartUpload', 'results', SLOW_DOWN);
        scene.failS3('AbortMultipartUpload', 'results', SLOW_DOWN);
        scene.atTheEnd(() => {
          expect(scene.cloud.s3.uploadsUnderWay).toBe(before + 1);
          expect(scene.dropsPartsAfterDays).toBe(1);
        });
      },
    );
    fault(
      'DELETE of the old error file: SlowDown, for a while',
      cutout(),
      async (scene) => {
        scene.next('submit', { status: 402 });
        await scene.upload();
        scene.failS3('DeleteObject', 'results', SLOW_DOWN, 5, ERROR_FILE);
        await scene.redrive();
      },
      'S3, answers to requests; redriven after a 402',
    );
    fault(
      'PUT of the error file: SlowDown, twice',
      fails('InsufficientBalance', { also: 'the report is tried again' }),
      (scene) => {
        scene.next('submit', { status: 402 });
        scene.failS3('PutObject', 'results', SLOW_DOWN, 2, ERROR_FILE);
      },
    );
    fault(
      'PUT of the error file: SlowDown, always',
      fails('InsufficientBalance', { file: false, also: 'a dead letter, which alarms' }),
      async (scene) => {
        scene.next('submit', { status: 402 });
        scene.failS3('PutObject', 'results', SLOW_DOWN, FOR_EVER, ERROR_FILE);
        await scene.upload();
        expect(scene.deadLetters('Failures', scene.execution.arn)).toHaveLength(1);
      },
    );
  },
  HASTY,
);

area('S3 refuses', 'S3, answers to requests', (fault) => {
  fault(
    'GET of the image: AccessDenied',
    fails('InternalError', { also: 'the execution quotes S3, the error file does not' }),
    async (scene) => {
      scene.failS3('GetObject', 'uploads', DENIED, FOR_EVER);
      expect(messageOf(await scene.upload())).toMatch(/AccessDenied: User: .* is not authorized.*See the log/);
    },
  );
  fault('PUT of the result: AccessDenied', fails('InternalError', { paid: 1 }), (scene) =>
    scene.failS3('PutObject', 'results', DENIED, FOR_EVER, '.png'),
  );
  const changed: S3Fault[] = [
    { status: 412, code: 'PreconditionFailed' },
    { status: 409, code: 'ConditionalRequestConflict' },
  ];
  for (const answer of changed) {
    const { status } = answer as { status: number };
    fault(`PUT of the result: ${status}, twice`, cutout({ also: 'decided anew each time' }), (scene) =>
      scene.failS3('PutObject', 'results', answer, 2),
    );
    fault(`completion of a multipart upload: ${status}, once`, cutout({ also: 'decided anew' }), (scene) => {
      large(scene);
      scene.failS3('CompleteMultipartUpload', 'results', answer);
    });
  }
  fault('PUT of the result: 409, always', fails('InternalError', { paid: 1 }), (scene) =>
    scene.failS3('PutObject', 'results', { status: 409, code: 'ConditionalRequestConflict' }, FOR_EVER, '.png'),
  );
});

/** An existing results bucket whose policy denies writes that do not name its KMS key. */
const KEY = 'arn:aws:kms:us-east-1:111122223333:key/cutouts';
const INSISTING = { existingBuckets: { cutouts: { versioned: true, kmsPolicy: { key: KEY } } } };

area(
  'A results bucket that insists on its KMS key',
  'policy of the results bucket, which resultsKmsKey names the key of',
  (fault) => {
    fault('the result', cutout(), (scene) => scene.upload());
    fault('the result, in parts', cutout(), large);
    fault('the result over an older one', cutout({ paid: 2 }), async (scene) => {
      await scene.upload();
      await scene.upload(scene.anotherPicture());
    });
    fault('several results', cutout({ beside: ['.png.parts/2.png'] }), (scene) =>
      scene.next('outcome', { mediaCount: 2 }),
    );
    fault('the error file', fails('InsufficientBalance'), (scene) => scene.next('submit', { status: 402 }));
    fault('the cutout after an error file', cutout(), async (scene) => {
      scene.next('submit', { status: 402 });
      await scene.upload();
      await scene.redrive();
    });
  },
  { ...INSISTING, settings: { resultsBucket: 'cutouts', resultsKmsKey: KEY } },
);

area(
  'A results bucket that insists on a KMS key which nobody has named',
  'policy of the results bucket; without resultsKmsKey',
  (fault) => {
    fault(
      'the result and the error file',
      fails('InternalError', { paid: 1, file: false, also: 'a dead letter, which alarms' }),
      async (scene) => {
        await scene.upload();
        expect(scene.deadLetters('Failures', scene.execution.arn)).toHaveLength(1);
      },
    );
  },
  { ...INSISTING, settings: { resultsBucket: 'cutouts' } },
);

area('S3 does what it is asked, and its answer is lost', 'S3, the connection is cut after the request', (fault) => {
  fault('PUT of the result', cutout(), (scene) => scene.failS3('PutObject', 'results', 'lost-answer'));
  fault('PUT of the result over an older one', cutout({ paid: 2 }), async (scene) => {
    await scene.upload();
    scene.failS3('PutObject', 'results', 'lost-answer');
    await scene.upload(scene.anotherPicture());
  });
  fault('PUT of a part', cutout(), (scene) => {
    large(scene);
    scene.failS3('UploadPart', 'results', 'lost-answer');
  });
  fault('completion of a multipart upload', cutout(), (scene) => {
    large(scene);
    scene.failS3('CompleteMultipartUpload', 'results', 'lost-answer');
  });
  fault('PUT of the error file', fails('InsufficientBalance'), (scene) => {
    scene.next('submit', { status: 402 });
    scene.failS3('PutObject', 'results', 'lost-answer', 1, ERROR_FILE);
  });
  fault('DELETE of the old error file', cutout(), async (scene) => {
    scene.next('submit', { status: 402 });
    await scene.upload();
    scene.failS3('DeleteObject', 'results', 'lost-answer', 1, ERROR_FILE);
    await scene.redrive();
  });
});
