import { expect, vi } from 'vitest';
import { errorFile } from '../pipeline-rig.ts';
import { until } from '../until.ts';
import { area } from './area.ts';
import { cutout, fails, sees } from './ends.ts';
import { FOR_EVER } from './injection.ts';
import { skewed } from './options.ts';
import type { Scene } from './scene.ts';

/** What people do about failures, and what they do instead. */

/** Fails for these reasons, then the reason is gone, and somebody redrives. */
async function failAndRedrive(scene: Scene, error: string): Promise<void> {
  expect((await scene.upload()).error).toBe(error);
  expect(errorFile(scene.cloud, scene.key)).toMatchObject({ error });
  await scene.redrive();
}

area('Redriving, once the reason is gone', 'gateway or CDN, until the redrive', (fault) => {
  const refusals: [number, string][] = [
    [400, 'BadRequest'],
    [401, 'Unauthorized'],
    [402, 'InsufficientBalance'],
    [403, 'Forbidden'],
    [404, 'NotFound'],
  ];
  for (const [status, error] of refusals) {
    fault(`${error} of a submission`, cutout(), async (scene) => {
      scene.next('submit', { status });
      await failAndRedrive(scene, error);
    });
  }
  for (const [status, error] of refusals.slice(0, 4)) {
    fault(`${error} of a status`, cutout(), async (scene) => {
      scene.next('status', { status });
      await failAndRedrive(scene, error);
    });
  }
  fault(
    'ApiKeyNotSet',
    cutout(),
    async (scene) => {
      await scene.uploadWithoutApiKey();
      await scene.redrive();
    },
    'Secrets Manager, until the redrive',
  );
  fault('TooManyRequests', cutout(), async (scene) => {
    scene.repeat('submit', { status: 429 }, 71);
    await failAndRedrive(scene, 'TooManyRequests');
  });
  fault('OutcomeUnknown, when nothing had been accepted', cutout(), async (scene) => {
    scene.repeat('submit', { status: 500 }, 4);
    await failAndRedrive(scene, 'OutcomeUnknown');
  });
  fault('OutcomeUnknown, when all had been accepted', cutout({ paid: 5 }), async (scene) => {
    scene.repeat('submit', 'accept-then-reset', 4);
    await failAndRedrive(scene, 'OutcomeUnknown');
  });
  fault('RemovalError', cutout({ also: 'up to three submissions more' }), async (scene) => {
    scene.next('outcome', 'ERROR', 'ERROR', 'ERROR', 'ERROR', 'ERROR');
    await failAndRedrive(scene, 'RemovalError');
  });
  fault(
    'RemovalError, again and again',
    fails('RemovalError', { also: 'six submissions, which cost nothing' }),
    async (scene) => {
      const before = scene.cloud.gateway.accepted;
      scene.repeat('outcome', 'ERROR', FOR_EVER);
      await failAndRedrive(scene, 'RemovalError');
      expect(scene.cloud.gateway.accepted - before).toBe(6);
    },
  );
  fault('DownloadFailed', cutout(), async (scene) => {
    // Each try asks for a new URL, and downloads twice.
    scene.repeat('download', { status: 404 }, 68);
    await failAndRedrive(scene, 'DownloadFailed');
  });
  fault('InvalidResult', cutout(), async (scene) => {
    scene.next('download', 'html', 'html');
    await failAndRedrive(scene, 'InvalidResult');
  });
  fault('UntrustedResultUrl', cutout(), async (scene) => {
    scene.next('download', { redirect: 'https://example.com/x.png' });
    await failAndRedrive(scene, 'UntrustedResultUrl');
  });
  fault(
    'InternalError',
    cutout(),
    async (scene) => {
      scene.failS3('PutObject', 'results', { status: 403, code: 'AccessDenied' }, 34, '.png');
      await failAndRedrive(scene, 'InternalError');
    },
    'S3, until the redrive',
  );
  fault(
    'a crash of submit that has not submitted',
    cutout(),
    async (scene) => {
      scene.failInvocation('submit', 'Lambda.Unknown', 4);
      expect((await scene.upload()).error).toBe('Lambda.Unknown');
      await scene.redrive();
    },
    'Lambda, until the redrive',
  );
  fault('RemovalFailed', fails('RemovalFailed', { paid: 1, also: 'the redrive fails the same way' }), async (scene) => {
    scene.next('outcome', 'FAILED');
    await failAndRedrive(scene, 'RemovalFailed');
  });
  fault('twice at once', cutout({ also: 'the second redrive is refused' }), async (scene) => {
    scene.next('submit', { status: 402 });
    await scene.upload();
    scene.cloud.stepFunctions.redrive(scene.execution.arn);
    expect(() => scene.cloud.stepFunctions.redrive(scene.execution.arn)).toThrow('cannot be redriven');
  });
  fault(
    'of a version that has been overwritten since',
    cutout({ also: 'the redriven one ends SUPERSEDED, unpaid' }),
    async (scene) => {
      scene.next('submit', { status: 402 });
      const older = await scene.upload();
      const newer = await scene.upload(scene.anotherPicture());
      scene.execution = older;
      await scene.redrive();
      expect(JSON.parse(older.output ?? '')).toMatchObject({ status: 'SUPERSEDED', requestId: null });
      scene.execution = newer;
    },
  );
});

area(
  'Redriving a job that took too long',
  'clock of Check status, which is a day later',
  (fault) => {
    fault('it has finished meanwhile', cutout(), async (scene) => {
      scene.next('outcome', 'NEVER');
      expect((await scene.upload()).error).toBe('JobTimedOut');
      await scene.cloud.gateway.finish(scene.lastState.requestId);
      await scene.redrive();
    });
    fault('it still has not', fails('JobTimedOut', { paid: 1 }), async (scene) => {
      scene.next('outcome', 'NEVER');
      await failAndRedrive(scene, 'JobTimedOut');
    });
  },
  skewed({ CheckStatus: 24 * 60 }),
);

/** Stops the execution at the first request of a kind. */
const stop = (scene: Scene) => void scene.cloud.stepFunctions.stop(scene.execution.arn);

area('Stopping an execution', 'StopExecution', (fault) => {
  fault(
    'while it submits',
    fails('Aborted', { paid: 1, also: 'the submission under way cannot be called back' }),
    async (scene) => {
      scene.onS3('GetObject', 'uploads', async () => {
        await until(() => scene.hasBegun || undefined);
        stop(scene);
        return undefined;
      });
      await scene.upload();
      await until(() => scene.paid === 1 || undefined);
    },
  );
  fault('while it submits, then redriving it', cutout({ paid: 2 }), async (scene) => {
    scene.onS3('GetObject', 'uploads', async (count) => {
      if (count > 1) return undefined;
      await until(() => scene.hasBegun || undefined);
      stop(scene);
      return undefined;
    });
    await scene.upload();
    await until(() => scene.paid === 1 || undefined);
    await scene.redrive();
  });
  fault('while it asks for the status', fails('Aborted', { paid: 1 }), async (scene) => {
    scene.on('status', (count) => {
      if (count === 1) stop(scene);
      return 'normal';
    });
    await scene.upload();
  });
  fault('while it asks for the status, then redriving it', cutout(), async (scene) => {
    scene.on('status', (count) => {
      if (count === 1) stop(scene);
      return 'normal';
    });
    expect((await scene.upload()).status).toBe('ABORTED');
    await scene.redrive();
  });
  fault(
    'while it writes the result',
    sees('the cutout, though the execution is aborted; no error file stays', { paid: 1 }),
    async (scene) => {
      scene.onS3(
        'PutObject',
        'results',
        (count) => {
          if (count === 1) stop(scene);
          return undefined;
        },
        '.png',
      );
      expect((await scene.upload()).status).toBe('ABORTED');
      await vi.waitFor(() => expect(scene.results).toEqual(['.png']), { timeout: 10_000 });
      scene.expectCutout();
    },
  );
  fault('while it tries to deliver again', fails('Aborted', { paid: 1 }), async (scene) => {
    scene.on('download', (count) => {
      if (count === 3) stop(scene);
      return { status: 503 };
    });
    await scene.upload();
  });
  fault('while it tries to deliver again, then redriving it', cutout(), async (scene) => {
    scene.on('download', (count) => {
      if (count === 3) stop(scene);
      return count <= 3 ? { status: 503 } : 'normal';
    });
    expect((await scene.upload()).status).toBe('ABORTED');
    await scene.redrive();
  });
});

area(
  'Stopping an execution that waits',
  'StopExecution',
  (fault) => {
    fault('before its first look', fails('Aborted', { paid: 1 }), async (scene) => {
      await scene.start();
      await scene.reached('Wait');
      stop(scene);
    });
    fault('before its first look, then redriving it', cutout(), async (scene) => {
      await scene.start();
      await scene.reached('Wait');
      stop(scene);
      await scene.settled();
      await scene.redrive();
    });
  },
  { waitMs: 300 },
);
