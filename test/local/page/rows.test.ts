import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { CAT, picture } from '../../pictures.ts';
import { until } from '../../until.ts';
import { controlsOf, countOf, type Run, rowAfter, rowsOf, startRun } from './rig.ts';

let run: Run;
beforeAll(async () => {
  run = await startRun();
});
afterAll(() => run?.cloud.close());

describe('a row', () => {
  it('says all there is to say of a delivered image', async () => {
    const row = await rowAfter(run, 'photo of a cat.jpg', CAT);
    const { uploadsBucket, resultsBucket, gateway } = run.cloud;
    const requestId = gateway.submissions[0]?.requestId;
    expect(row).toMatchObject({
      title: 'photo of a cat.jpg',
      status: 'SUCCEEDED',
      source: `s3://${uploadsBucket}/photo of a cat.jpg`,
      result: { place: `s3://${resultsBucket}/photo of a cat.jpg.png`, contentType: 'image/png' },
      before: expect.stringMatching(`^/objects/${uploadsBucket}/photo%20of%20a%20cat\\.jpg\\?versionId=`),
      after: expect.stringMatching(`^/objects/${resultsBucket}/photo%20of%20a%20cat\\.jpg\\.png\\?versionId=`),
      submissions: [{ requestId, status: 'COMPLETED', isPaid: true }],
    });
    expect(row.states.slice(0, 3).map(({ name }) => name)).toEqual(['Submit', 'Wait', 'Check status']);
    const [submit, wait] = row.states;
    expect(submit).toMatchObject({ input: { key: 'photo of a cat.jpg' }, output: { requestId, waitSeconds: 5 } });
    // In this test the wait is shorter; by the definition it takes 5 seconds.
    expect(wait?.notes).toMatchObject([{ type: 'wait', kind: 'time', askedMs: 5000, ms: 20 }]);
    expect(wait?.output).toEqual(submit?.output);
    for (const { at, ms = Number.NaN } of row.states) expect(at + ms).toBeLessThanOrEqual(row.ms ?? 0);
  });

  it('says why a file is no image, and that a redrive does not help', async () => {
    const row = await rowAfter(run, 'notes.txt', Buffer.from('no picture'));
    expect(row).toMatchObject({
      status: 'FAILED',
      submissions: [],
      error: { name: 'NotAnImage', redriveHelps: false },
    });
    expect(row.error?.cause).toMatch(/is not an image by its first bytes\.$/);
    expect(row.states).toMatchObject([{ name: 'Submit', hasFailed: true, notes: [{ error: 'NotAnImage' }] }]);
  });

  it('says what the stand-in for the model has said', async () => {
    const row = await rowAfter(run, 'fog.png', await picture(9));
    expect(row.note).toBeUndefined();
    const job = run.cloud.gateway.find(row.submissions[0]?.requestId ?? '');
    Object.assign(job ?? {}, { note: 'No subject was found.' });
    expect(rowsOf(run.desk).find(({ title }) => title === 'fog.png')?.note).toBe('No subject was found.');
  });

  it('of a stopped execution says so', async () => {
    const { cloud, desk } = run;
    cloud.gateway.nextOutcomes('NEVER');
    desk.upload('stopped.jpg', CAT);
    const row = () => rowsOf(desk).find(({ title }) => title === 'stopped.jpg');
    await until(() => row()?.states.some(({ name }) => name === 'Wait') || undefined);
    cloud.stepFunctions.stop(row()?.arn ?? '');
    await cloud.settled();
    expect(row()).toMatchObject({ status: 'ABORTED', error: { name: 'Aborted', redrivePays: false } });
  });

  it('of the same bytes once more says that nothing was sent', async () => {
    const body = await picture(7);
    await rowAfter(run, 'a.png', body);
    run.cloud.s3.put(run.cloud.uploadsBucket, 'a.png', body);
    const ofBytes = () => rowsOf(run.desk).filter(({ title }) => title === 'a.png');
    await until(() => ofBytes().length === 2 || undefined);
    await run.cloud.settled();
    expect(ofBytes().map((row) => [row.status, countOf(row).sent])).toEqual([
      ['SUCCEEDED', 1],
      ['SUCCEEDED', 0],
    ]);
  });

  it('of an image URL has its own submission, and no picture before', async () => {
    const { cloud, desk } = run;
    const { sent, paid } = controlsOf(desk);
    const imageUrl = `${cloud.gateway.cdnUrl}/v1/cat.jpg`;
    cloud.gateway.media.set('/v1/cat.jpg', CAT);
    for (const name of ['one', 'two']) {
      cloud.stepFunctions.start(
        name,
        JSON.stringify({ imageUrl: `${imageUrl}?signature=1#x`, resultKey: `from/${name}` }),
      );
    }
    await cloud.settled();
    const rows = rowsOf(desk).slice(-2);
    expect(rows.map(({ title, source, before }) => ({ title, source, before }))).toEqual(
      [0, 1].map(() => ({ title: 'cat.jpg', source: imageUrl, before: undefined })),
    );
    expect(rows.map(countOf)).toEqual([
      { sent: 1, paid: 1 },
      { sent: 1, paid: 1 },
    ]);
    expect(controlsOf(desk)).toMatchObject({ sent: sent + 2, paid: paid + 2 });
  });

  it('is there for each image of a backfill, and for no backfill', async () => {
    const { cloud, desk } = run;
    const before = rowsOf(desk).length;
    cloud.bus.clear();
    cloud.s3.put(cloud.uploadsBucket, 'old.jpg', CAT);
    cloud.stepFunctions.startOf(cloud.template.output('BackfillStateMachineArn'), 'night', '{"prefix":"old"}');
    await cloud.settled();
    expect(
      rowsOf(desk)
        .slice(before)
        .map(({ title, status }) => [title, status]),
    ).toEqual([['old.jpg', 'SUCCEEDED']]);
  });
});

describe('the rows that are shown', () => {
  it('are the newest 100, and each that may still change', async () => {
    const { cloud, desk } = run;
    const { stepFunctions } = cloud;
    cloud.bus.clear();
    const titles = () => rowsOf(desk).map(({ title }) => title);
    const start = (key: string) => stepFunctions.start(key, JSON.stringify({ bucket: cloud.uploadsBucket, key }));
    cloud.gateway.nextOutcomes('NEVER');
    cloud.s3.put(cloud.uploadsBucket, 'slow.jpg', CAT);
    start('slow.jpg');
    const slow = () => rowsOf(desk).find(({ title }) => title === 'slow.jpg');
    const { requestId = '' } = await until(() => slow()?.submissions[0]);
    for (let number = 1; number <= 100; number++) stepFunctions.stop(start(`stopped-${number}.jpg`).arn);
    expect(slow()?.status).toBe('RUNNING');

    await cloud.gateway.finish(requestId);
    await cloud.settled();
    expect(slow()?.status).toBe('SUCCEEDED');

    const later = Date.now() + 3_600_000;
    onTestFinished(() => void vi.restoreAllMocks());
    vi.spyOn(Date, 'now').mockReturnValue(later);
    // The last look at what has ended by then.
    rowsOf(desk);
    expect(titles()).toEqual(Array.from({ length: 100 }, (_, index) => `stopped-${index + 1}.jpg`));
  });
});
