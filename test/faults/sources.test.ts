import { expect } from 'vitest';
import { errorFile } from '../pipeline-rig.ts';
import { until } from '../until.ts';
import { area } from './area.ts';
import { cutout, fails } from './ends.ts';
import type { Scene } from './scene.ts';

/** Sources that are overwritten or deleted at every point of an image's way. */

const TEXT = Buffer.from('This is not a picture, whatever its name says.');
const ERROR_FILE = '.error.json';
const PLAIN_BUCKET = 'my-uploads';
/** An existing uploads bucket, which tells versions apart by their ETags. */
const UNVERSIONED = {
  settings: { uploadsBucket: PLAIN_BUCKET },
  existingBuckets: { [PLAIN_BUCKET]: { versioned: false } },
};

/** Does something with the source at the first request of this kind. */
type Moment = [name: string, at: (scene: Scene, act: () => void) => void, paid: number];

const BEFORE_SUBMIT: Moment = [
  'before it is submitted',
  (scene, act) =>
    scene.onS3('GetObject', 'uploads', (count) => {
      if (count === 1) act();
      return undefined;
    }),
  0,
];
const AT_SUBMISSION: Moment = [
  'while it is submitted',
  (scene, act) =>
    scene.on('submit', (count) => {
      if (count === 1) act();
      return 'accept';
    }),
  1,
];
const WHILE_PROCESSED: Moment = [
  'while the gateway is at work',
  (scene, act) =>
    scene.on('status', (count) => {
      if (count === 1) act();
      return count === 1 ? { status: 503 } : 'normal';
    }),
  1,
];
const WHILE_DOWNLOADED: Moment = [
  'while the result is downloaded',
  (scene, act) =>
    scene.on('download', (count) => {
      if (count === 1) act();
      return 'normal';
    }),
  1,
];
const BEFORE_WRITE: Moment = [
  'between the last look and the write',
  (scene, act) =>
    scene.onS3('PutObject', 'results', (count) => {
      if (count === 1) act();
      return undefined;
    }),
  1,
];
const BEFORE_END: Moment = [
  'after the write, before the execution ends',
  (scene, act) =>
    scene.onS3(
      'HeadObject',
      'results',
      (count) => {
        if (count === 1) act();
        return undefined;
      },
      ERROR_FILE,
    ),
  1,
];
const MOMENTS = [BEFORE_SUBMIT, AT_SUBMISSION, WHILE_PROCESSED, WHILE_DOWNLOADED, BEFORE_WRITE, BEFORE_END];

for (const [kind, options] of [
  ['with versions', {}],
  ['without versions', UNVERSIONED],
] as const) {
  area(
    `A source that is overwritten, in a bucket ${kind}`,
    'uploads bucket',
    (fault) => {
      for (const [moment, at, paid] of MOMENTS) {
        fault(moment, cutout({ paid: paid + 1, also: 'of the newer version' }), async (scene) => {
          at(scene, () => scene.replace());
          await scene.upload();
        });
      }
      fault('after the execution has ended', cutout({ paid: 2, also: 'of the newer version' }), async (scene) => {
        await scene.upload();
        await scene.upload(scene.anotherPicture());
      });
      fault('by the same bytes, while the gateway is at work', cutout({ paid: 2 }), async (scene) => {
        const [, at] = WHILE_PROCESSED;
        at(scene, () => scene.replace(scene.body));
        await scene.upload();
      });
    },
    options,
  );
}

area(
  'A source that is overwritten while an older result is written',
  'uploads bucket; S3 lets the write wait',
  (fault) => {
    fault(
      'the newer one is delivered before the write',
      cutout({ paid: 2, also: 'of the newer version' }),
      async (scene) => {
        scene.onS3('PutObject', 'results', async (count) => {
          if (count > 1) return undefined;
          scene.replace();
          await until(() => scene.results.includes('.png') || undefined);
          return undefined;
        });
        await scene.upload();
        await scene.settled();
        expect(scene.statusOf(0, 2)).toEqual(['SUPERSEDED', 'DELIVERED']);
      },
    );
    fault(
      'the newer one is no picture, and its error file comes before the write',
      fails('NotAnImage', { paid: 1, beside: ['.png'], also: 'the older cutout, too late to stop' }),
      async (scene) => {
        scene.onS3('PutObject', 'results', async (count) => {
          if (count > 1) return undefined;
          scene.replace(TEXT);
          await until(() => errorFile(scene.cloud, scene.key));
          return undefined;
        });
        await scene.upload();
      },
    );
    fault(
      'the newer one is no picture, and its error file comes after the write',
      fails('NotAnImage', { paid: 1, beside: ['.png'], also: 'the older cutout, too late to stop' }),
      async (scene) => {
        scene.onS3(
          'HeadObject',
          'results',
          async (count) => {
            if (count > 1) return undefined;
            scene.replace(TEXT);
            await until(() => errorFile(scene.cloud, scene.key));
            return undefined;
          },
          ERROR_FILE,
        );
        await scene.upload();
      },
    );
  },
);

area(
  'A source that is overwritten while the failure of an older version is reported',
  'uploads bucket; S3 lets the write wait',
  (fault) => {
    /** While the older version's error file is about to be written. */
    const whileReported = (scene: Scene, body: Buffer, isOver: () => unknown) => {
      scene.next('submit', { status: 402 });
      scene.onS3(
        'PutObject',
        'results',
        async (count) => {
          if (count > 1) return undefined;
          scene.replace(body);
          await until(() => isOver() || undefined);
          return undefined;
        },
        ERROR_FILE,
      );
      return scene.upload();
    };
    fault('the newer one is delivered', cutout({ also: 'no error file' }), (scene) =>
      whileReported(scene, scene.anotherPicture(), () => scene.executions[1]?.status === 'SUCCEEDED'),
    );
    fault("the newer one is no picture: its error file, not the older one's", fails('NotAnImage'), (scene) =>
      whileReported(scene, TEXT, () => scene.results.includes(ERROR_FILE)),
    );
  },
);

area('A source that is replaced by something else', 'uploads bucket', (fault) => {
  for (const [moment, at, paid] of [BEFORE_SUBMIT, AT_SUBMISSION, WHILE_PROCESSED, WHILE_DOWNLOADED]) {
    fault(`by a text, ${moment}`, fails('NotAnImage', { paid }), async (scene) => {
      at(scene, () => scene.replace(TEXT));
      await scene.upload();
    });
  }
  fault(
    'by a text, after its cutout was delivered',
    fails('NotAnImage', { paid: 1, beside: ['.png'], also: 'the cutout of the version before stays' }),
    async (scene) => {
      await scene.upload();
      await scene.upload(TEXT);
    },
  );
  fault('by nothing: an empty object', fails('NotAnImage'), (scene) => scene.upload(Buffer.alloc(0)));
  fault('by a picture, after a text has failed', cutout(), async (scene) => {
    const { body } = scene;
    await scene.upload(TEXT);
    await scene.upload(body);
  });
});

/** Deletes the source at a moment, and uploads nothing else. */
function deleted([, at]: Moment) {
  return async (scene: Scene) => {
    const { s3, uploadsBucket } = scene.cloud;
    at(scene, () => s3.delete(uploadsBucket, scene.key));
    await scene.upload();
  };
}

area('A source that is deleted, in a bucket with versions', 'uploads bucket', (fault) => {
  for (const moment of MOMENTS) fault(moment[0], cutout(), deleted(moment));
});

area(
  'A source that is deleted, in a bucket without versions',
  'uploads bucket',
  (fault) => {
    fault(BEFORE_SUBMIT[0], fails('ImageNotFound'), deleted(BEFORE_SUBMIT));
    fault(
      'after it was submitted, before the gateway fetches it',
      fails('RemovalFailed', { paid: 1 }),
      deleted(AT_SUBMISSION),
    );
    for (const moment of [WHILE_PROCESSED, WHILE_DOWNLOADED, BEFORE_WRITE, BEFORE_END]) {
      fault(moment[0], cutout(), deleted(moment));
    }
  },
  UNVERSIONED,
);

area('A source that S3 does not hand out', 'S3, answers to the GET and to the HEAD of the upload', (fault) => {
  const refusals = [
    ['it is in an archive', 'ImageArchived', { status: 403, code: 'InvalidObjectState' }],
    ['its KMS key is disabled', 'ImageUnreadable', { status: 400, code: 'KMS.DisabledException' }],
    ['it is encrypted with a key of its own (SSE-C)', 'ImageUnreadable', { status: 400, code: 'InvalidRequest' }],
  ] as const;
  for (const [what, error, refusal] of refusals) {
    fault(what, fails(error, { also: 'at the first try' }), async (scene) => {
      scene.failS3('GetObject', 'uploads', refusal);
      if (error === 'ImageUnreadable') scene.failS3('HeadObject', 'uploads', refusal);
      expect((await scene.upload()).error).toBe(error);
    });
  }
});
