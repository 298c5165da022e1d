import { expect } from 'vitest';
import { until } from '../until.ts';
import { area } from './area.ts';
import { cutout, fails, sees } from './ends.ts';

/** Events that come twice, late, in another order, or not at all, and events that are none. */

const CREATED = 'Object Created';
const CHANGED = 'Step Functions Execution Status Change';

area('Events of uploads', 'event bus, Object Created', (fault) => {
  fault('comes three times at once', cutout({ also: 'one execution' }), async (scene) => {
    const { release } = scene.holdEvents(CREATED);
    scene.replace();
    for (let copy = 1; copy <= 3; copy++) release();
    await scene.settled();
    await until(() => scene.invocations('on-upload') > 0 || undefined);
    expect(scene.executions).toHaveLength(1);
  });
  fault('comes again while the image is under way', cutout({ also: 'one execution' }), async (scene) => {
    scene.on('status', (count) => {
      if (count === 1) scene.resendUpload();
      return count < 5 ? { status: 503 } : 'normal';
    });
    await scene.upload();
    expect(scene.executions).toHaveLength(1);
  });
  fault('comes again after the image was delivered', cutout({ also: 'one execution' }), async (scene) => {
    await scene.upload();
    await scene.resendAndWait();
    expect(scene.executions).toHaveLength(1);
    expect(scene.deadLetters('Intake', scene.key)).toEqual([]);
  });
  fault(
    'comes again after the image has failed',
    fails('InsufficientBalance', { also: 'one execution' }),
    async (scene) => {
      scene.next('submit', { status: 402 });
      await scene.upload();
      await scene.resendAndWait();
      expect(scene.executions).toHaveLength(1);
      expect(scene.deadLetters('Intake', scene.key)).toEqual([]);
    },
  );
  fault(
    'of two versions, the newer one comes first',
    cutout({ also: 'the older one ends SUPERSEDED, unpaid' }),
    async (scene) => {
      const { held, release } = scene.holdEvents(CREATED);
      scene.put();
      scene.replace();
      release(held[1]);
      await scene.settled();
      release(held[0]);
      await until(() => scene.executions.length === 2 || undefined);
      await scene.settled();
      expect(scene.statusOf(0, 2)).toEqual(['DELIVERED', 'SUPERSEDED']);
    },
  );
  fault('comes after the object was deleted', cutout({ also: 'of the version that was uploaded' }), async (scene) => {
    const { release } = scene.holdEvents(CREATED);
    scene.replace();
    scene.cloud.s3.delete(scene.cloud.uploadsBucket, scene.key);
    release();
  });
  fault(
    'is no JSON, among others that are',
    cutout({ also: 'and a dead letter, which alarms' }),
    async (scene) => {
      const garbage = `no JSON ${scene.key}`;
      scene.queue('IntakeQueue').send(garbage);
      await scene.upload();
      await until(() => scene.deadLetters('Intake', garbage).length > 0 || undefined);
      expect(scene.deadLetters('Intake', scene.key)).toEqual([garbage]);
    },
    'queue of uploads',
  );
  fault('lacks the key', sees('a dead letter, which alarms'), async (scene) => {
    const { uploadsBucket, bus } = scene.cloud;
    const detail = { bucket: { name: uploadsBucket }, object: { note: scene.key } };
    bus.put({ source: 'aws.s3', 'detail-type': CREATED, detail });
    await until(() => scene.deadLetters('Intake', scene.key).length > 0 || undefined);
  });
  fault('is of a folder marker', sees('nothing: it is skipped'), async (scene) => {
    const { cloud } = scene;
    const before = cloud.stepFunctions.executions.length;
    const lines = cloud.logs.length;
    cloud.s3.put(cloud.uploadsBucket, `${scene.key}/`, Buffer.alloc(0));
    await until(() => cloud.logs.slice(lines).some((line) => line.includes('folder marker')) || undefined);
    await cloud.settled();
    expect(cloud.stepFunctions.executions).toHaveLength(before);
    expect(scene.results).toEqual([]);
  });
});

area(
  'Uploads outside the prefix',
  'event bus and queue of uploads',
  (fault) => {
    fault('an object outside the uploads prefix', sees('nothing: the rule does not match'), async (scene) => {
      const { cloud } = scene;
      const before = cloud.stepFunctions.executions.length;
      cloud.s3.put(cloud.uploadsBucket, `elsewhere/${scene.key}`, scene.body);
      await cloud.settled();
      expect(cloud.stepFunctions.executions).toHaveLength(before);
      expect(cloud.s3.list(cloud.resultsBucket)).toEqual([]);
    });
    fault(
      'a message about such an object',
      fails('InvalidInput', { file: false, also: 'nothing is read, nothing written' }),
      (scene) => {
        const { held } = scene.holdEvents(CREATED);
        scene.replace();
        scene.queue('IntakeQueue').send(JSON.stringify(held[0] ?? scene.lastUpload));
      },
    );
  },
  { settings: { uploadsPrefix: 'in/' } },
);

area('Events of failures', 'event bus, Execution Status Change, after a 402', (fault) => {
  fault('comes twice', fails('InsufficientBalance'), async (scene) => {
    scene.next('submit', { status: 402 });
    const { held, release } = scene.holdEvents(CHANGED, ({ detail }) => detail.status === 'FAILED');
    await scene.upload();
    for (let copy = 1; copy <= 2; copy++) release(held[0]);
  });
  fault('comes again long after', fails('InsufficientBalance'), async (scene) => {
    scene.next('submit', { status: 402 });
    const { held, release } = scene.holdEvents(CHANGED, ({ detail }) => detail.status === 'FAILED');
    await scene.upload();
    release(held[0]);
    await scene.settled();
    release(held[0]);
  });
  fault('comes after a redrive has delivered', cutout({ also: 'no error file' }), async (scene) => {
    scene.next('submit', { status: 402 });
    const { held, release } = scene.holdEvents(CHANGED, ({ detail }) => detail.status === 'FAILED');
    await scene.upload();
    await scene.redrive();
    release(held[0]);
  });
  fault('comes while a redrive is under way', cutout({ also: 'no error file' }), async (scene) => {
    scene.next('submit', { status: 402 });
    const { held, release } = scene.holdEvents(CHANGED, ({ detail }) => detail.status === 'FAILED');
    await scene.upload();
    let reports = 0;
    scene.onInvocation('report-failure', (count) => {
      reports = count;
    });
    scene.on('status', (count) => {
      if (count === 1) release(held[0]);
      return count < 20 ? { status: 503 } : 'normal';
    });
    await scene.redrive();
    expect(reports).toBe(1);
  });
  fault('comes after a newer version was delivered', cutout({ also: 'no error file' }), async (scene) => {
    scene.next('submit', { status: 402 });
    const { held, release } = scene.holdEvents(CHANGED, ({ detail }) => detail.status === 'FAILED');
    await scene.upload();
    await scene.upload(scene.anotherPicture());
    release(held[0]);
  });
  fault(
    'never comes',
    fails('InsufficientBalance', { file: false, also: 'the failed execution and the alarm' }),
    async (scene) => {
      scene.next('submit', { status: 402 });
      scene.holdEvents(CHANGED, ({ detail }) => detail.status === 'FAILED');
    },
  );
});
