import { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CutoutError } from '../../../functions/errors.ts';
import { type Medium, openMedium } from '../../../functions/results/medium.ts';
import { headObject } from '../../../functions/results/objects.ts';
import { store, withUnsignedPayload } from '../../../functions/results/store.ts';
import { paddedPng } from '../../../local/png.ts';
import { PNG } from '../../pictures.ts';
import { failureOf } from '../failure-of.ts';
import { PLAIN, startS3, VERSIONED } from '../s3.ts';
import { serve, serveBytes } from '../servers.ts';

const KEY = 'photos/猫.jpg.png';
const METADATA = { 'request-id': 'id-1' };
const MB = 1024 * 1024;

/** A picture that is downloaded in these chunks; between them, something may happen. */
function medium(...steps: (Buffer | (() => unknown))[]): Medium {
  async function* bytes() {
    for (const step of steps) {
      if (Buffer.isBuffer(step)) yield step;
      else await step();
    }
  }
  return { contentType: 'image/png', extension: 'png', bytes: bytes(), cancel: async () => {} };
}

/** More than one part of a multipart upload. */
const LARGE = [Buffer.alloc(5 * MB, 'a'), Buffer.alloc(5 * MB, 'b'), Buffer.alloc(5 * MB, 'c')];

describe.each([
  ['small', [PNG]],
  ['large', LARGE],
])('storing a %s result', (size, chunks) => {
  const body = Buffer.concat(chunks);
  const completes = size === 'large' ? 'CompleteMultipartUpload' : 'PutObject';

  it('creates it, with its type and metadata, and says what was stored', async () => {
    const { s3, client, requests } = await startS3();
    const target = { bucket: PLAIN, key: KEY, before: undefined, metadata: METADATA };

    expect(await store(client, target, medium(...chunks))).toEqual({
      bucket: PLAIN,
      key: KEY,
      contentType: 'image/png',
      bytes: body.length,
    });
    const stored = s3.get(PLAIN, KEY);
    expect(stored).toMatchObject({ contentType: 'image/png', metadata: METADATA });
    expect(stored?.body.equals(body)).toBe(true);
    expect(requests.at(-1)?.operation).toBe(completes);
  });

  it('names the version in a bucket that has versions', async () => {
    const { s3, client } = await startS3();
    const target = { bucket: VERSIONED, key: KEY, before: undefined, metadata: METADATA };

    expect(await store(client, target, medium(...chunks))).toMatchObject({
      versionId: s3.versions(VERSIONED, KEY)[0]?.versionId,
    });
  });

  it('replaces the result that it saw', async () => {
    const { s3, client } = await startS3();
    s3.put(PLAIN, KEY, Buffer.from('older'));
    const before = await headObject(client, PLAIN, KEY);

    const target = { bucket: PLAIN, key: KEY, before, metadata: METADATA };
    expect(await store(client, target, medium(...chunks))).toMatchObject({ bytes: body.length });
    expect(s3.get(PLAIN, KEY)?.body.equals(body)).toBe(true);
  });

  it('does not replace a result that has come since it saw none', async () => {
    const { s3, client } = await startS3();
    const target = { bucket: PLAIN, key: KEY, before: undefined, metadata: METADATA };
    const newer = () => s3.put(PLAIN, KEY, Buffer.from('newer'));

    expect(await store(client, target, medium(...chunks, newer))).toBe('CHANGED');
    expect(s3.get(PLAIN, KEY)?.body.toString()).toBe('newer');
  });

  it('does not replace a newer result than it saw', async () => {
    const { s3, client } = await startS3();
    s3.put(PLAIN, KEY, Buffer.from('older'));
    const before = await headObject(client, PLAIN, KEY);
    const newer = () => s3.put(PLAIN, KEY, Buffer.from('newer'));

    const target = { bucket: PLAIN, key: KEY, before, metadata: METADATA };
    expect(await store(client, target, medium(...chunks, newer))).toBe('CHANGED');
    expect(s3.get(PLAIN, KEY)?.body.toString()).toBe('newer');
  });

  it.each([PLAIN, VERSIONED])(
    'decides anew if the result it saw has been deleted from the %s bucket',
    async (bucket) => {
      const { s3, client } = await startS3();
      s3.put(bucket, KEY, Buffer.from('older'));
      const before = await headObject(client, bucket, KEY);
      s3.delete(bucket, KEY);

      const target = { bucket, key: KEY, before, metadata: METADATA };
      expect(await store(client, target, medium(...chunks))).toBe('CHANGED');
      expect(s3.list(bucket)).toEqual([]);
    },
  );

  it('decides anew if the result is changing right now', async () => {
    const { s3, client } = await startS3();
    s3.onRequest = ({ operation }) =>
      operation === completes ? { status: 409, code: 'ConditionalRequestConflict' } : undefined;

    const target = { bucket: PLAIN, key: KEY, before: undefined, metadata: METADATA };
    expect(await store(client, target, medium(...chunks))).toBe('CHANGED');
  });

  it('leaves nothing of a download that fails half way', async () => {
    const { s3, client, requests } = await startS3();
    const failed = new CutoutError('DownloadFailed', 'The download of a result broke off');
    const breaking = medium(...chunks, () => {
      throw failed;
    });

    const target = { bucket: PLAIN, key: KEY, before: undefined, metadata: METADATA };
    expect(await failureOf(store(client, target, breaking))).toBe(failed);
    expect(s3.list(PLAIN)).toEqual([]);
    const operations = requests.map(({ operation }) => operation);
    expect(operations).not.toContain(completes);
    expect(operations.includes('AbortMultipartUpload')).toBe(operations.includes('CreateMultipartUpload'));
  });

  it('leaves the older result where the download fails half way', async () => {
    const { s3, client } = await startS3();
    s3.put(PLAIN, KEY, Buffer.from('older'));
    const before = await headObject(client, PLAIN, KEY);
    const breaking = medium(...chunks, () => {
      throw new CutoutError('DownloadFailed', 'The download of a result broke off');
    });

    await failureOf(store(client, { bucket: PLAIN, key: KEY, before, metadata: METADATA }, breaking));
    expect(s3.get(PLAIN, KEY)?.body.toString()).toBe('older');
  });

  it('fails as S3 does if it may not write', async () => {
    const { s3, client } = await startS3();
    s3.onRequest = () => ({ status: 403, code: 'AccessDenied' });

    const target = { bucket: PLAIN, key: KEY, before: undefined, metadata: METADATA };
    expect((await failureOf(store(client, target, medium(...chunks)))).name).toBe('AccessDenied');
  });
});

describe('a picture that is not whole', () => {
  it.each([
    ['less than one part', 100_000],
    ['exactly one part', 8 * MB],
    ['exactly two parts', 16 * MB],
    ['two parts and more', 16 * MB + 1],
  ])('is never stored, though its length fits: %s', async (_what, bytes) => {
    const { s3, client, requests } = await startS3();
    const cdn = await serveBytes(Buffer.concat([...paddedPng(bytes + 1)]).subarray(0, bytes));
    const broken = await openMedium(`${cdn.origin}/output.png`, [cdn.origin]);

    const error = await failureOf(
      store(client, { bucket: PLAIN, key: KEY, before: undefined, metadata: METADATA }, broken),
    );
    expect(error).toMatchObject({ name: 'DownloadFailed' });
    expect(s3.list(PLAIN)).toEqual([]);
    expect(s3.uploadsUnderWay).toBe(0);
    const operations = requests.map(({ operation }) => operation);
    expect(operations.filter((name) => /^(PutObject|CompleteMultipartUpload)$/.test(name))).toEqual([]);
  });
});

describe('a client for results', () => {
  it('sends bytes with a CRC32, and without a SHA-256, which would take long', async () => {
    const { origin, received } = await serve((request, response) => {
      request.resume().on('end', () => response.end());
    });
    const credentials = { accessKeyId: 'AKIALOCAL', secretAccessKey: 'secret' };
    const client = new S3Client({ endpoint: origin, region: 'us-east-1', forcePathStyle: true, credentials });
    onTestFinished(() => client.destroy());
    const target = { bucket: PLAIN, key: KEY, before: undefined, metadata: METADATA };

    await store(withUnsignedPayload(client), target, medium(PNG));
    expect(received[0]?.headers).toMatchObject({
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      'x-amz-checksum-crc32': expect.any(String),
    });
  });

  it('is understood by S3', async () => {
    const { s3, client } = await startS3();
    const target = { bucket: PLAIN, key: KEY, before: undefined, metadata: METADATA };
    await store(withUnsignedPayload(client), target, medium(...LARGE));
    expect(s3.get(PLAIN, KEY)?.body.equals(Buffer.concat(LARGE))).toBe(true);
  });
});
