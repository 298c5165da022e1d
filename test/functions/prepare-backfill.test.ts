import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../local/cloud.ts';
import {
  backfill,
  cloud,
  ended,
  put,
  reportOf,
  shareFilledBucket,
  started,
  startUnversioned,
} from '../backfill-rig.ts';
import { messageOf, statesOf } from '../executions.ts';
import { until } from '../until.ts';

shareFilledBucket();

describe('a backfill of a bucket that was filled before and tells of no uploads', () => {
  it('is refused while another one runs, by whose name', async () => {
    put('two/a.jpg');
    cloud.gateway.always({ status: { document: { status: 'PROCESSING' } } });
    const first = await started(cloud, { prefix: 'two/' });
    await until(() => statesOf(first).includes('Remove') || undefined);
    const second = await ended(await started(cloud, { prefix: 'two/' }));
    expect(messageOf(second)).toContain(
      `Another backfill is running, ${first.name}: wait until it has ended, or stop it`,
    );
    cloud.gateway.always({ status: 'normal' });
    await ended(first);
    expect(first.status).toBe('SUCCEEDED');
  });

  it('is refused what cannot be done, by name', async () => {
    const execution = await backfill(cloud, { maxImages: 0 });
    expect(execution).toMatchObject({ status: 'FAILED', error: 'InvalidInput' });
    expect(messageOf(execution)).toContain('"maxImages" must be at least 1');
  });
});

describe('a backfill of a bucket without versions', () => {
  let cloud: LocalCloud;
  const deadLetterQueue = () =>
    [...cloud.queues.values()].find(({ arn }) => arn.includes('IntakeDeadLetterQueue')) ?? expect.fail('no queue');

  beforeAll(async () => {
    cloud = await startUnversioned();
  });
  afterAll(() => cloud?.close());

  it('is refused while uploads wait, or lie among the dead letters, unless it is a dry run', async () => {
    deadLetterQueue().send('{}');
    const refused = await backfill(cloud, { prefix: 'paid/' });
    expect(refused).toMatchObject({ status: 'FAILED', error: 'InvalidInput' });
    expect(messageOf(refused)).toMatch(/dead-letter queue holds about 1 messages.*MoveDeadLettersCommand/);
    expect(await reportOf(cloud, { prefix: 'paid/', dryRun: true })).toMatchObject({ status: 'DRY_RUN' });
    deadLetterQueue().drain();
    expect(await reportOf(cloud, { prefix: 'paid/' })).toMatchObject({ status: 'COMPLETED' });
  });
});
