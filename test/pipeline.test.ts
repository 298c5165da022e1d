import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { lastInput, messageOf, statesOf, waitsOf } from './executions.ts';
import { CAT, picture } from './pictures.ts';
import { errorFile, execute, redrive, startCloud, upload } from './pipeline-rig.ts';
import { checkWhatIsSaid, cloud, newKey, shareCloud, submissions } from './shared-cloud.ts';
import { until } from './until.ts';

/** The whole path of an image. */

shareCloud();

describe('an image that is dropped in the uploads bucket', () => {
  it('appears as its cutout in the results bucket', async () => {
    const key = newKey();
    const execution = await upload(cloud, key);
    expect(execution.status).toBe('SUCCEEDED');
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);

    const result = cloud.s3.get(cloud.resultsBucket, `${key}.png`);
    expect(result?.contentType).toBe('image/png');
    const { data, info } = await sharp(result?.body).raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 800, height: 600, channels: 4 });
    expect(data[3], 'the corner is transparent').toBe(0);
    expect(data[(300 * 800 + 400) * 4 + 3], 'the middle is opaque').toBe(255);
  });

  it('takes five states if the job ends within the first wait', async () => {
    expect(statesOf(await upload(cloud, newKey()))).toEqual(['Submit', 'Wait', 'Check status', 'Finished?', 'Deliver']);
  });

  it('is polled every 5 s after the first wait, and takes three more states each time', async () => {
    cloud.gateway.always({ outcome: 'NEVER' });
    const key = newKey();
    cloud.s3.put(cloud.uploadsBucket, key, CAT);
    const execution = await until(() => cloud.stepFunctions.executions.find(({ input }) => input.includes(key)));
    await until(() => waitsOf(execution).length >= 3 || undefined);
    await cloud.gateway.finish(JSON.parse(lastInput(execution)).requestId);
    await cloud.settled();
    expect(waitsOf(execution).slice(0, 3)).toEqual([5, 5, 5]);
    const polls = Array.from({ length: waitsOf(execution).length + 1 }, () => ['Wait', 'Check status', 'Finished?']);
    expect(statesOf(execution)).toEqual(['Submit', ...polls.flat(), 'Deliver']);
    expect(execution.status).toBe('SUCCEEDED');
  });

  it('puts out where the result lies, and where it came from', async () => {
    const key = newKey();
    const { output = '' } = await upload(cloud, key);
    const source = cloud.s3.get(cloud.uploadsBucket, key);
    const result = cloud.s3.get(cloud.resultsBucket, `${key}.png`);
    expect(JSON.parse(output)).toEqual({
      status: 'DELIVERED',
      requestId: expect.stringMatching(/^bria-rmbg-2-0-682_/),
      source: { bucket: cloud.uploadsBucket, key, versionId: source?.versionId, etag: source?.etag },
      results: [
        {
          bucket: cloud.resultsBucket,
          key: `${key}.png`,
          versionId: result?.versionId,
          contentType: 'image/png',
          bytes: result?.body.length,
        },
      ],
    });
    expect(result?.metadata).toMatchObject({
      'request-id': JSON.parse(output).requestId,
      'source-version-id': source?.versionId,
      'source-etag': source?.etag,
    });
  });

  it.each([
    'a b+c%20d&e=f.jpg',
    'füße/日本語/🐈.jpg',
    "quotes'and(parens)!*~.jpg",
    '//double//slash.jpg',
    `${'long/'.repeat(200)}${'x'.repeat(20)}.jpg`,
    `${'ü'.repeat(510)}.jpg`,
  ])('may have the key %s', async (key) => {
    const { output = '{}', status } = await upload(cloud, key);
    expect(status).toBe('SUCCEEDED');
    const [result] = JSON.parse(output).results;
    expect(Buffer.byteLength(result.key)).toBeLessThanOrEqual(1024);
    expect(cloud.s3.get(cloud.resultsBucket, result.key)).toBeDefined();
  });

  it('gets each of the results, if the gateway makes several', async () => {
    cloud.gateway.nextOutcomes({ mediaCount: 3 });
    const key = newKey();
    const { output = '' } = await upload(cloud, key);
    const keys = [`${key}.png`, `${key}.png.parts/2.png`, `${key}.png.parts/3.png`];
    expect(JSON.parse(output).results.map((result: { key: string }) => result.key)).toEqual(keys);
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual(keys);
  });
});

describe('an upload event', () => {
  const event = (detail: unknown) => JSON.stringify({ source: 'aws.s3', 'detail-type': 'Object Created', detail });
  const detailOf = (key: string) => {
    const object = cloud.s3.get(cloud.uploadsBucket, key);
    return {
      bucket: { name: cloud.uploadsBucket },
      object: { key, etag: object?.etag, 'version-id': object?.versionId, sequencer: '01' },
    };
  };
  const records = (...bodies: string[]) => ({
    Records: bodies.map((body, index) => ({ messageId: `m${index}`, body })),
  });
  const onUpload = (...bodies: string[]) => cloud.function('on-upload').invoke(records(...bodies));

  it('that comes again pays no second time, whether its execution still runs or has ended', async () => {
    const events: unknown[] = [];
    cloud.bus.addRule({ source: ['aws.s3'] }, (seen) => events.push(seen));
    const before = cloud.stepFunctions.executions.length;
    const paid = submissions();
    cloud.s3.put(cloud.uploadsBucket, newKey(), CAT);
    const body = JSON.stringify(events.at(-1));
    expect(await onUpload(body, body, body)).toEqual({ batchItemFailures: [] });
    await cloud.settled();
    expect(await onUpload(body, body)).toEqual({ batchItemFailures: [] });
    await cloud.settled();
    expect(cloud.stepFunctions.executions).toHaveLength(before + 1);
    expect(submissions()).toBe(paid + 1);
  });

  it('of a folder marker is skipped, and the log says so', async () => {
    const before = cloud.stepFunctions.executions.length;
    const lines = cloud.logs.length;
    const folder = { bucket: { name: cloud.uploadsBucket }, object: { key: 'folder/', etag: 'x', sequencer: '1' } };
    expect(await onUpload(event(folder))).toEqual({ batchItemFailures: [] });
    expect(cloud.stepFunctions.executions).toHaveLength(before);
    expect(cloud.logs.slice(lines).join()).toMatch(/folder marker/);
  });

  it('that cannot be parsed fails alone, not its batch', async () => {
    const key = newKey();
    cloud.s3.put(cloud.uploadsBucket, key, CAT);
    const response = await onUpload('no JSON', event(detailOf(key)), event({ bucket: {} }));
    expect(response).toEqual({ batchItemFailures: [{ itemIdentifier: 'm0' }, { itemIdentifier: 'm2' }] });
    await cloud.settled();
    expect(cloud.s3.get(cloud.resultsBucket, `${key}.png`)).toBeDefined();
  });
});

describe('a second upload of the same key', () => {
  it('while the first is under way supersedes it: only the newer picture is delivered', async () => {
    const key = newKey('two.png');
    const [first, second] = await Promise.all([picture(10), picture(240)]);
    cloud.gateway.nextOutcomes('NEVER');
    cloud.s3.put(cloud.uploadsBucket, key, first);
    const older = await until(() => cloud.stepFunctions.executions.find(({ input }) => input.includes(key)));
    await until(() => statesOf(older).includes('Check status') || undefined);
    cloud.s3.put(cloud.uploadsBucket, key, second);
    await until(() => cloud.s3.get(cloud.resultsBucket, `${key}.png`));
    const delivered = cloud.s3.get(cloud.resultsBucket, `${key}.png`);
    await cloud.gateway.finish(JSON.parse(lastInput(older)).requestId);
    await cloud.settled();

    expect(older.status).toBe('SUCCEEDED');
    expect(JSON.parse(older.output ?? '')).toMatchObject({ status: 'SUPERSEDED', results: [] });
    expect(cloud.s3.get(cloud.resultsBucket, `${key}.png`)?.etag).toBe(delivered?.etag);
    expect(cloud.s3.versions(cloud.resultsBucket, `${key}.png`)).toHaveLength(1);
  });

  it('before the first was submitted saves its price', async () => {
    const key = newKey();
    cloud.s3.put(cloud.uploadsBucket, key, CAT);
    await cloud.settled();
    const [first] = cloud.s3.versions(cloud.uploadsBucket, key);
    await upload(cloud, key, await picture(1));
    const paid = submissions();
    const input = { bucket: cloud.uploadsBucket, key, versionId: first?.versionId };
    const execution = await execute(cloud, `late-${key.replaceAll('/', '-')}`, input);
    expect(JSON.parse(execution.output ?? '')).toMatchObject({ status: 'SUPERSEDED', requestId: null, results: [] });
    expect(submissions()).toBe(paid);
  });
});

describe('when the gateway', () => {
  it('says FAILED, the execution fails as RemovalFailed and an error file says why', async () => {
    cloud.gateway.nextOutcomes('FAILED');
    const key = newKey();
    const execution = await upload(cloud, key);
    expect(execution).toMatchObject({ status: 'FAILED', error: 'RemovalFailed' });
    expect(statesOf(execution).at(-1)).toBe('Check status');
    expect(errorFile(cloud, key)).toEqual({
      error: 'RemovalFailed',
      cause: expect.stringMatching(/could not remove the background.*upload it again/),
      requestId: expect.stringMatching(/^bria-/),
      source: expect.objectContaining({ bucket: cloud.uploadsBucket, key }),
      execution: execution.name,
      time: new Date(execution.stopDate ?? 0).toISOString(),
    });
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.error.json`]);
  });

  it('is not sure to know a status at the moment, the job counts as still working', async () => {
    cloud.gateway.nextStatuses(
      { status: 500 },
      { status: 429, headers: { 'retry-after': '11' } },
      'html',
      'reset',
      { status: 404 },
      { document: { status: 'THINKING' } },
    );
    const execution = await upload(cloud, newKey());
    expect(execution.status).toBe('SUCCEEDED');
    expect(waitsOf(execution)).toEqual([5, 11, 5, 5, 5, 5]);
  });

  it('refuses the API key when asked for the status, the execution fails there and can be redriven', async () => {
    cloud.gateway.nextStatuses({ status: 401 });
    const execution = await upload(cloud, newKey());
    expect(execution).toMatchObject({ status: 'FAILED', error: 'Unauthorized' });
    const paid = submissions();
    expect((await redrive(cloud, execution)).status).toBe('SUCCEEDED');
    expect(submissions()).toBe(paid);
  });
});

describe('a gateway that repeats what it was told', () => {
  it('makes no presigned URL public', async () => {
    const key = newKey();
    cloud.gateway.always({
      submit: ({ imageUrl }) => ({ status: 400, body: { error: 'Bad Request', message: `Cannot fetch ${imageUrl}` } }),
    });
    expect(messageOf(await upload(cloud, key))).toContain('Cannot fetch [url]');
    expect(errorFile(cloud, key)?.cause).toContain('Cannot fetch [url]');
    const signed = 'https://uploads.example/cat.jpg?X-Amz-Signature=0123';
    cloud.gateway.always({ submit: 'accept' });
    cloud.gateway.nextStatuses({ document: { status: signed } }, { document: { status: 'FAILED', error: signed } });
    await upload(cloud, newKey());
    // What stands in logs, states and error files is looked at as a whole below.
  });
});

checkWhatIsSaid();

describe('a stack', () => {
  it('ends a job that never finishes as JobTimedOut when its time is up', async () => {
    const impatient = await startCloud({ environment: { TIMEOUT_MINUTES: '0.01' } });
    try {
      impatient.gateway.always({ outcome: 'NEVER' });
      const execution = await upload(impatient, 'cat.jpg');
      expect(execution).toMatchObject({ status: 'FAILED', error: 'JobTimedOut' });
      expect(impatient.gateway.accepted).toBe(1);
      expect(errorFile(impatient, 'cat.jpg')).toMatchObject({ error: 'JobTimedOut' });
    } finally {
      await impatient.close();
    }
  });

  it('on existing buckets without versioning tells uploads apart by ETag, and keeps to its prefixes', async () => {
    const bucket = 'my-bucket';
    const existing = await startCloud({
      settings: { uploadsBucket: bucket, resultsBucket: bucket, uploadsPrefix: 'in/', resultsPrefix: 'out/' },
      existingBuckets: { [bucket]: { versioned: false } },
    });
    try {
      existing.s3.put(bucket, 'elsewhere/cat.jpg', CAT);
      const first = await upload(existing, 'in/cat.jpg', await picture(1));
      const second = await upload(existing, 'in/cat.jpg', await picture(2));
      expect([first.status, second.status]).toEqual(['SUCCEEDED', 'SUCCEEDED']);
      expect(existing.s3.list(bucket)).toEqual(['elsewhere/cat.jpg', 'in/cat.jpg', 'out/cat.jpg.png']);
      expect(existing.stepFunctions.executions).toHaveLength(2);
      expect(existing.s3.get(bucket, 'out/cat.jpg.png')?.metadata['source-etag']).toBe(
        existing.s3.get(bucket, 'in/cat.jpg')?.etag,
      );
    } finally {
      await existing.close();
    }
  });
});
