import { describe, expect, it } from 'vitest';
import { LOCAL_API_KEY } from '../../local/cloud.ts';
import { messageOf, statesOf } from '../executions.ts';
import { CAT } from '../pictures.ts';
import { errorFile, execute, redrive, startCloud, upload } from '../pipeline-rig.ts';
import { checkWhatIsSaid, cloud, newKey, number, shareCloud, submissions } from '../shared-cloud.ts';

shareCloud();

describe('when the gateway', () => {
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

/** Signature and IHDR of a PNG of one pixel, and nothing behind them. */
const PNG_HEADER = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ';

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
});

checkWhatIsSaid();
