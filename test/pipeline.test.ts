import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_API_KEY, type LocalCloud } from '../local/cloud.ts';
import type { CdnBehaviour } from '../local/gateway.ts';
import { messageOf, statesOf, waitsOf } from './executions.ts';
import { CAT, picture } from './pictures.ts';
import { errorFile, execute, redrive, startCloud, upload } from './pipeline-rig.ts';
import { until } from './until.ts';

/** The whole path of an image: real bundles, the synthesized state machine, embedded services, HTTP gateway simulator. */
let cloud: LocalCloud;
let number = 0;
/** A key that no other test uses. */
const newKey = (name = 'cat.jpg') => `test-${++number}/${name}`;
const submissions = () => cloud.gateway.accepted;

beforeAll(async () => {
  cloud = await startCloud();
});
afterEach(() => cloud.gateway.always({ submit: 'accept', status: 'normal', outcome: 'COMPLETED', download: 'normal' }));
afterAll(() => cloud?.close());

/** Signature and IHDR of a PNG of one pixel, and nothing behind them. */
const PNG_HEADER = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ';

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

  it('says ERROR, the image is submitted again, and delivered', async () => {
    cloud.gateway.nextOutcomes('ERROR', 'ERROR');
    const key = newKey();
    const before = submissions();
    const execution = await upload(cloud, key);
    expect(execution.status).toBe('SUCCEEDED');
    expect(submissions()).toBe(before + 3);
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);
  });

  it('says ERROR three times, the execution fails as RemovalError; a redrive tries three times more', async () => {
    cloud.gateway.nextOutcomes('ERROR', 'ERROR', 'ERROR', 'ERROR');
    const key = newKey();
    const before = submissions();
    const execution = await upload(cloud, key);
    expect(execution).toMatchObject({ status: 'FAILED', error: 'RemovalError' });
    expect(submissions()).toBe(before + 3);
    expect(errorFile(cloud, key)?.error).toBe('RemovalError');
    expect((await redrive(cloud, execution)).status).toBe('SUCCEEDED');
    expect(submissions()).toBe(before + 5);
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);
  });

  it('says 429, the submission is repeated until it is accepted', async () => {
    cloud.gateway.nextSubmits({ status: 429 }, { status: 429, headers: { 'retry-after': '7' } }, { status: 429 });
    const before = submissions();
    expect((await upload(cloud, newKey())).status).toBe('SUCCEEDED');
    expect(submissions()).toBe(before + 1);
  });

  it('says 402, the execution fails at once; after topping up, a redrive delivers and removes the error file', async () => {
    cloud.gateway.nextSubmits({ status: 402 });
    const key = newKey();
    const tried = cloud.gateway.submissions.length;
    const execution = await upload(cloud, key);
    expect(execution).toMatchObject({ status: 'FAILED', error: 'InsufficientBalance' });
    expect(messageOf(execution)).toMatch(/Insufficient Balance.*Top up the gateway's wallet, then redrive/);
    expect(cloud.gateway.submissions).toHaveLength(tried + 1);
    expect(errorFile(cloud, key)).toMatchObject({ error: 'InsufficientBalance', requestId: null });

    expect((await redrive(cloud, execution)).status).toBe('SUCCEEDED');
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);
  });

  it.each([
    [400, 'BadRequest'],
    [401, 'Unauthorized'],
    [403, 'Forbidden'],
    [404, 'NotFound'],
  ])('says %i to a submission, the execution fails as %s, and nothing is tried again', async (status, error) => {
    cloud.gateway.nextSubmits({ status });
    const tried = cloud.gateway.submissions.length;
    const key = newKey();
    expect(await upload(cloud, key)).toMatchObject({ status: 'FAILED', error });
    expect(cloud.gateway.submissions).toHaveLength(tried + 1);
    expect(errorFile(cloud, key)?.error).toBe(error);
  });

  it.each(['html', 'reset', 'no-request-id', 'accept-then-reset', 'accept-then-500', 'redirect'] as const)(
    'answers a submission with %s, it is tried three times more and no oftener, and each time is logged',
    async (behaviour) => {
      cloud.gateway.always({ submit: behaviour });
      const tried = cloud.gateway.submissions.length;
      const lines = cloud.logs.length;
      expect(await upload(cloud, newKey())).toMatchObject({ status: 'FAILED', error: 'OutcomeUnknown' });
      expect(cloud.gateway.submissions).toHaveLength(tried + 4);
      expect(cloud.logs.slice(lines).filter((line) => line.includes('may pay a second time'))).toHaveLength(4);
    },
  );

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

  it('takes a new API key in place of the old one, the next image uses it without a deploy', async () => {
    await upload(cloud, newKey());
    const arn = cloud.template.output('ApiKeySecretArn');
    cloud.gateway.apiKeys.clear();
    cloud.gateway.apiKeys.add('rotated');
    cloud.secrets.put(arn, 'rotated\n');
    const before = submissions();
    try {
      expect((await upload(cloud, newKey())).status).toBe('SUCCEEDED');
      expect(submissions()).toBe(before + 1);
    } finally {
      cloud.gateway.apiKeys.add(LOCAL_API_KEY);
    }
  });
});

describe('when the result', () => {
  it.each<[string, CdnBehaviour]>([
    ['the CDN answers 429', { status: 429 }],
    ['the connection is cut half-way', 'cut'],
    ['the connection is lost', 'reset'],
    ['it is not there yet', { status: 404 }],
  ])('cannot be fetched at first (%s), it is fetched again', async (_, behaviour) => {
    cloud.gateway.nextDownloads(behaviour, behaviour);
    const key = newKey();
    const paid = submissions();
    expect((await upload(cloud, key)).status).toBe('SUCCEEDED');
    expect(submissions()).toBe(paid + 1);
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);
  });

  it('is no PNG, it is stored as what it is, and the next upload takes its place', async () => {
    const key = newKey();
    const webp = await sharp(CAT).webp().toBuffer();
    for (const body of [CAT, await picture(1)]) {
      cloud.gateway.nextDownloads({ status: 200, body: webp });
      expect((await upload(cloud, key, body)).status).toBe('SUCCEEDED');
      expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.webp`]);
      const source = cloud.s3.get(cloud.uploadsBucket, key);
      expect(cloud.s3.get(cloud.resultsBucket, `${key}.webp`)).toMatchObject({
        contentType: 'image/webp',
        metadata: { 'source-version-id': source?.versionId },
      });
    }
  });

  it.each([
    ['is HTML', { download: 'html' }, 'InvalidResult'],
    ['is on another host', { outcome: { mediaUrls: ['https://example.com/x.png'] } }, 'UntrustedResultUrl'],
    ['redirects to a loopback address', { download: { redirect: 'http://127.0.0.1:9/x.png' } }, 'UntrustedResultUrl'],
    ['is never there', { download: { status: 404 } }, 'DownloadFailed'],
  ] as const)('%s, the execution fails and nothing but an error file is written', async (_, behaviour, error) => {
    cloud.gateway.always(behaviour as Parameters<typeof cloud.gateway.always>[0]);
    const key = newKey();
    expect(await upload(cloud, key)).toMatchObject({ status: 'FAILED', error });
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.error.json`]);
    expect(errorFile(cloud, key)).toMatchObject({ error, requestId: expect.stringMatching(/^bria-/) });
  });
});

describe('what is no image', () => {
  it.each([
    ['an empty object', ''],
    ['a text file named .jpg', 'This is not a picture, whatever its name says.'],
    ['a text that begins with GIF', 'GIFTS FOR THE CAT: a ball of wool'],
    ['a text that begins with BM', 'BMW, second hand, drives like new'],
    ['a JPEG of three bytes', Buffer.of(0xff, 0xd8, 0xff)],
    ['a PNG that ends after its header', Buffer.from(PNG_HEADER, 'base64')],
    ['a JPEG behind a byte order mark', Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), CAT])],
  ])('%s fails as NotAnImage before anything is paid, and its owner hears of it', async (_, body) => {
    const key = newKey('fake.jpg');
    const tried = cloud.gateway.submissions.length;
    const execution = await upload(cloud, key, body);
    expect(execution).toMatchObject({ status: 'FAILED', error: 'NotAnImage' });
    expect(statesOf(execution)).toEqual(['Submit']);
    expect(cloud.gateway.submissions).toHaveLength(tried);
    expect(errorFile(cloud, key)).toMatchObject({ error: 'NotAnImage', cause: expect.stringContaining('fake.jpg') });
  });

  it('is forgotten once a picture takes its place', async () => {
    const key = newKey();
    await upload(cloud, key, 'text');
    await upload(cloud, key);
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);
  });
});

describe('another workflow', () => {
  it('starts an execution for an object, and gets the locations back', async () => {
    const key = newKey();
    await upload(cloud, key);
    const execution = await execute(cloud, `workflow-${number}`, { bucket: cloud.uploadsBucket, key });
    expect(JSON.parse(execution.output ?? '')).toMatchObject({ status: 'DELIVERED', results: [{ key: `${key}.png` }] });
  });

  it('starts an execution for an image URL, whose query stays out of output, logs and metadata', async () => {
    const imageUrl = `${cloud.gateway.cdnUrl}/picture.jpg?token=s3cr3t`;
    cloud.gateway.nextDownloads({ status: 200, body: CAT }, { status: 200, body: CAT });
    const lines = cloud.logs.length;
    const execution = await execute(cloud, `url-${number}`, { imageUrl, resultKey: 'from/url' });
    expect(execution.status).toBe('SUCCEEDED');
    expect(JSON.parse(execution.output ?? '')).toMatchObject({
      status: 'DELIVERED',
      source: { imageUrl: `${cloud.gateway.cdnUrl}/picture.jpg` },
      results: [{ key: 'from/url.png' }],
    });
    expect(cloud.gateway.submissions.at(-1)?.imageUrl).toBe(imageUrl);
    expect(cloud.logs.slice(lines).join()).not.toContain('s3cr3t');
  });

  it.each([
    ['nothing', {}, /"bucket" is missing/],
    ['a misspelt field', { bucket: 'b', key: 'k', versionID: 'v' }, /"versionID" is not a known field/],
    ['both forms', { bucket: 'b', key: 'k', imageUrl: 'https://example.com/x.png' }, /"resultKey" is missing/],
    ['another bucket', { bucket: 'somebody-elses', key: 'k' }, /only .* is read.*presigned URL/],
    ['an object that is not there', { key: 'nowhere.jpg' }, /There is no object/],
  ])('that passes %s hears what is wrong', async (what, input, message) => {
    const complete = 'key' in input && !('bucket' in input) ? { bucket: cloud.uploadsBucket, ...input } : input;
    const execution = await execute(cloud, `bad-${what.replaceAll(' ', '-')}`, complete);
    expect(execution.error).toMatch(/^(InvalidInput|ImageNotFound)$/);
    expect(messageOf(execution)).toMatch(message);
  });
});

describe('a newer upload', () => {
  it('is not undone by an older one that ends after the source has been deleted', async () => {
    const key = newKey('gone.png');
    cloud.gateway.nextOutcomes('NEVER');
    cloud.s3.put(cloud.uploadsBucket, key, await picture(10));
    const older = await until(() => cloud.stepFunctions.executions.find(({ input }) => input.includes(key)));
    await until(() => statesOf(older).includes('Check status') || undefined);
    cloud.s3.put(cloud.uploadsBucket, key, await picture(240));
    const newer = await until(() => cloud.s3.get(cloud.resultsBucket, `${key}.png`));
    cloud.s3.delete(cloud.uploadsBucket, key);
    await cloud.gateway.finish(JSON.parse(lastInput(older)).requestId);
    await cloud.settled();
    expect(JSON.parse(older.output ?? '')).toMatchObject({ status: 'SUPERSEDED' });
    expect(cloud.s3.get(cloud.resultsBucket, `${key}.png`)?.etag).toBe(newer.etag);
  });

  it('that fails while the older one is being delivered keeps its error file', async () => {
    const key = newKey('broken.png');
    let overwritten = false;
    cloud.s3.onRequest = ({ operation, key: written }) => {
      // The older result is about to be written: its source has been looked at for the last time.
      if (operation === 'PutObject' && written === `${key}.png` && !overwritten) {
        overwritten = true;
        cloud.s3.put(cloud.uploadsBucket, key, Buffer.from('no picture'));
        return { status: 503, code: 'SlowDown', headers: { 'retry-after': '1' } };
      }
      return undefined;
    };
    try {
      cloud.s3.put(cloud.uploadsBucket, key, await picture(10));
      await until(() => errorFile(cloud, key));
      await cloud.settled();
    } finally {
      cloud.s3.onRequest = undefined;
    }
    expect(overwritten).toBe(true);
    expect(errorFile(cloud, key)).toMatchObject({ error: 'NotAnImage' });
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

describe('a workflow that names no version', () => {
  it('gets the cutout of the current version, and an error file though an older version has been delivered', async () => {
    const key = newKey();
    await upload(cloud, key);
    const input = { bucket: cloud.uploadsBucket, key };
    expect((await execute(cloud, `same-${number}`, input)).status).toBe('SUCCEEDED');
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);

    cloud.gateway.nextSubmits({ status: 402 }, { status: 402 });
    await upload(cloud, key, await picture(77));
    cloud.s3.delete(cloud.resultsBucket, `${key}.error.json`);
    await execute(cloud, `newer-${number}`, input);
    expect(errorFile(cloud, key)?.error).toBe('InsufficientBalance');
  });
});

describe('an execution that somebody stops', () => {
  it('gets an error file that says so, and can be redriven without paying again', async () => {
    cloud.gateway.nextOutcomes('NEVER');
    const key = newKey();
    cloud.s3.put(cloud.uploadsBucket, key, CAT);
    const execution = await until(() => cloud.stepFunctions.executions.find(({ input }) => input.includes(key)));
    await until(() => statesOf(execution).includes('Check status') || undefined);
    cloud.stepFunctions.stop(execution.arn);
    await cloud.settled();
    expect(errorFile(cloud, key)).toMatchObject({ error: 'Aborted', requestId: expect.stringMatching(/^bria-/) });
    const paid = submissions();
    const redriven = cloud.stepFunctions.redrive(execution.arn);
    await cloud.gateway.finish(JSON.parse(lastInput(redriven)).requestId);
    await cloud.settled();
    expect(redriven.status).toBe('SUCCEEDED');
    expect(submissions()).toBe(paid);
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);
  });
});

describe('logs, states, error files and metadata', () => {
  it('never hold the API key or a presigned signature', async () => {
    const everything = [
      ...cloud.logs,
      ...cloud.stepFunctions.executions.map((execution) => JSON.stringify(execution)),
      ...cloud.s3.list(cloud.resultsBucket).map((key) => {
        const object = cloud.s3.get(cloud.resultsBucket, key);
        return JSON.stringify(object?.metadata) + (key.endsWith('.json') ? object?.body.toString() : '');
      }),
    ].join('\n');
    expect(everything.length).toBeGreaterThan(10_000);
    expect(everything).not.toContain(LOCAL_API_KEY);
    expect(everything).not.toMatch(/X-Amz-(Signature|Credential)/i);
  });

  it('are JSON lines that carry the identity of the object or the execution', () => {
    const lines = cloud.logs.filter((line) => line.trim() !== '').map((line) => JSON.parse(line));
    // Metrics, in CloudWatch's embedded metric format, are about no single image.
    for (const metric of lines.filter((line) => '_aws' in line)) expect(metric.service).toMatch(/^Cutout-/);
    for (const line of lines.filter((line) => !('_aws' in line))) {
      expect(line.execution ?? line.executionArn ?? line.messageId, line.message).toBeDefined();
    }
  });
});

describe('a stack', () => {
  it('without an API key fails with ApiKeyNotSet; once it is stored, a redrive goes on', async () => {
    const fresh = await startCloud({ apiKey: null });
    try {
      const execution = await upload(fresh, 'cat.jpg');
      expect(execution).toMatchObject({ status: 'FAILED', error: 'ApiKeyNotSet' });
      expect(messageOf(execution)).toContain('SetApiKeyCommand');
      expect(errorFile(fresh, 'cat.jpg')?.error).toBe('ApiKeyNotSet');
      fresh.secrets.put(fresh.template.output('ApiKeySecretArn'), LOCAL_API_KEY);
      expect((await redrive(fresh, execution)).status).toBe('SUCCEEDED');
      expect(fresh.s3.list(fresh.resultsBucket)).toEqual(['cat.jpg.png']);
    } finally {
      await fresh.close();
    }
  });

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

function lastInput({ history }: { history: { stateEnteredEventDetails?: { input: string } }[] }): string {
  return history.findLast((event) => event.stateEnteredEventDetails)?.stateEnteredEventDetails?.input ?? 'null';
}
