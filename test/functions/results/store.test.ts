import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CutoutError } from '../../../functions/errors.ts';
import type { Job } from '../../../functions/job.ts';
import { deleteErrorFile } from '../../../functions/results/error-file.ts';
import type { Medium } from '../../../functions/results/medium.ts';
import { hasResult, resultMetadata } from '../../../functions/results/metadata.ts';
import { headObject } from '../../../functions/results/objects.ts';
import { store, withUnsignedPayload } from '../../../functions/results/store.ts';
import { failureOf, PLAIN, PNG, serve, startS3, VERSIONED } from '../support.ts';

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

const source = { bucket: 'uploads', key: 'photos/猫.jpg', versionId: 'v1', etag: 'abc' };
const job: Job = {
  execution: 'cat-0123',
  source,
  resultKey: 'photos/猫.jpg',
  submission: 1,
  submissionId: 'cat-0123#1',
  requestId: 'id-1',
  submittedAt: '2026-03-31T10:00:00.000Z',
  status: 'COMPLETED',
  waitSeconds: 5,
};

describe('the metadata of a result', () => {
  it('says where it came from, and comes through S3 as it is', async () => {
    const { client } = await startS3();
    const metadata = resultMetadata(job);
    await store(client, { bucket: PLAIN, key: KEY, before: undefined, metadata }, medium(PNG));

    const head = await client.send(new HeadObjectCommand({ Bucket: PLAIN, Key: KEY }));
    expect(head.Metadata).toEqual({
      'request-id': 'id-1',
      'source-version-id': 'v1',
      'source-etag': 'abc',
      'source-key-sha256': expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  it('is ASCII and short for the longest key there is', () => {
    const metadata = resultMetadata({ ...job, source: { ...source, key: '猫'.repeat(341) } });
    expect(JSON.stringify(metadata)).toMatch(/^[\x20-\x7e]{1,1000}$/);
  });

  it('has of an image URL a hash, the same whatever its query', () => {
    const at = (imageUrl: string) => resultMetadata({ ...job, source: { imageUrl } });
    expect(at('https://example.com/cat.jpg?token=secret')).toEqual(at('https://example.com/cat.jpg?token=other'));
    expect(at('https://example.com/cat.jpg')).not.toEqual(at('https://example.com/dog.jpg'));
    expect(JSON.stringify(at('https://example.com/cat.jpg?token=secret'))).not.toContain('example');
  });
});

describe('the error file of an earlier failure', () => {
  it('is deleted', async () => {
    const { s3, client } = await startS3();
    s3.put(PLAIN, 'photos/cat.jpg.error.json', Buffer.from('{}'));
    s3.put(PLAIN, 'photos/cat.jpg.png', PNG);
    await deleteErrorFile(client, { bucket: PLAIN, resultKey: 'photos/cat.jpg' }, async () => false);

    expect(s3.list(PLAIN)).toEqual(['photos/cat.jpg.png']);
  });

  it('leaves no delete marker where there is none', async () => {
    const { s3, client } = await startS3();
    await deleteErrorFile(client, { bucket: VERSIONED, resultKey: 'photos/cat.jpg' }, async () => false);
    expect(s3.versions(VERSIONED, 'photos/cat.jpg.error.json')).toEqual([]);
  });

  it('stays if the source has been overwritten: it is about the newer upload', async () => {
    const { s3, client } = await startS3();
    s3.put(PLAIN, 'cat.jpg.error.json', Buffer.from('{}'));
    await deleteErrorFile(client, { bucket: PLAIN, resultKey: 'cat.jpg' }, async () => true);
    expect(s3.list(PLAIN)).toEqual(['cat.jpg.error.json']);
  });

  it('stays if another one takes its place at the last moment', async () => {
    const { s3, client } = await startS3();
    s3.put(PLAIN, 'cat.jpg.error.json', Buffer.from('{"of": "this upload"}'));
    await deleteErrorFile(client, { bucket: PLAIN, resultKey: 'cat.jpg' }, async () => {
      s3.put(PLAIN, 'cat.jpg.error.json', Buffer.from('{"of": "a newer upload"}'));
      return false;
    });
    expect(s3.get(PLAIN, 'cat.jpg.error.json')?.body.toString()).toContain('newer');
  });

  it('is deleted once, also where it stays as an older version', async () => {
    const { s3, client } = await startS3();
    s3.put(VERSIONED, 'photos/cat.jpg.error.json', Buffer.from('{}'));
    await deleteErrorFile(client, { bucket: VERSIONED, resultKey: 'photos/cat.jpg' }, async () => false);
    await deleteErrorFile(client, { bucket: VERSIONED, resultKey: 'photos/cat.jpg' }, async () => false);

    const versions = s3.versions(VERSIONED, 'photos/cat.jpg.error.json');
    expect(versions.map(({ deleteMarker }) => deleteMarker)).toEqual([true, false]);
  });
});

describe('whether the result of a version is stored', () => {
  /** A bucket with the result of {@link job}. */
  async function delivered() {
    const { s3, client } = await startS3();
    const target = { bucket: PLAIN, key: `${job.resultKey}.png`, before: undefined, metadata: resultMetadata(job) };
    await store(client, target, medium(PNG));
    return { s3, client };
  }

  it('is true for the version it was made of', async () => {
    const { client } = await delivered();
    expect(await hasResult(client, PLAIN, job.resultKey, source)).toBe(true);
    expect(await hasResult(client, PLAIN, job.resultKey, { ...source, versionId: undefined })).toBe(true);
  });

  it('is false for another version or other bytes', async () => {
    const { client } = await delivered();
    expect(await hasResult(client, PLAIN, job.resultKey, { ...source, versionId: 'v2' })).toBe(false);
    expect(await hasResult(client, PLAIN, job.resultKey, { ...source, etag: 'def' })).toBe(false);
  });

  it('is false for another source whose key begins alike', async () => {
    const { client } = await delivered();
    for (const key of ['photos/猫', 'photos/猫.j', 'photos/猫.jpg.png', 'photos']) {
      expect(await hasResult(client, PLAIN, key, { ...source, key })).toBe(false);
    }
  });

  it('is false where the result is that of an image URL, whatever the version', async () => {
    const { client } = await startS3();
    const metadata = resultMetadata({ ...job, source: { imageUrl: 'https://example.com/cat.jpg' } });
    await store(client, { bucket: PLAIN, key: `${job.resultKey}.png`, before: undefined, metadata }, medium(PNG));

    expect(await hasResult(client, PLAIN, job.resultKey, { bucket: 'uploads', key: source.key })).toBe(false);
  });

  it('is false where there is only an error file, a further medium, or a file of somebody else', async () => {
    const { s3, client } = await startS3();
    const metadata = resultMetadata(job);
    for (const suffix of ['.error.json', '.png.parts/2.png']) {
      const target = { bucket: PLAIN, key: job.resultKey + suffix, before: undefined, metadata };
      await store(client, target, medium(PNG));
    }
    s3.put(PLAIN, `${job.resultKey}.png`, PNG);

    expect(await hasResult(client, PLAIN, job.resultKey, source)).toBe(false);
  });

  it('is false in an empty bucket', async () => {
    const { client } = await startS3();
    expect(await hasResult(client, PLAIN, job.resultKey, source)).toBe(false);
  });
});
