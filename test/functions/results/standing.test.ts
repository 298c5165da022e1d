import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it, vi } from 'vitest';
import { resultMetadata } from '../../../functions/results/metadata.ts';
import { headObject } from '../../../functions/results/objects.ts';
import { allResults, settlesInSeconds, standingResult, whySettled } from '../../../functions/results/standing.ts';
import { PNG } from '../../pictures.ts';
import { PLAIN, startS3, VERSIONED } from '../s3.ts';
import { serve } from '../servers.ts';
import { CAT_JOB as job, SOURCE as source } from './cat-job.ts';

const place = { bucket: PLAIN, resultKey: 'photos/猫.jpg' };

function put(client: S3Client, key: string, contentType = 'image/png', metadata = resultMetadata(job)) {
  const input = { Bucket: PLAIN, Key: key, Body: PNG, ContentType: contentType, Metadata: metadata };
  return client.send(new PutObjectCommand(input));
}

describe('the standing result of a source', () => {
  it.each(['png', 'webp'])('is found by its bytes as %s', async (extension) => {
    const { client } = await startS3();
    await put(client, `${place.resultKey}.${extension}`);
    const found = await standingResult(client, place, { ...source, versionId: 'v9' });
    expect(found).toMatchObject({ key: `${place.resultKey}.${extension}`, metadata: { 'request-id': 'id-1' } });
  });

  it('is not that of other bytes, of another key, of a file of somebody else, nor an error file or a further medium', async () => {
    const { s3, client } = await startS3();
    await put(client, `${place.resultKey}.png`);
    expect(await standingResult(client, place, { ...source, etag: 'def' })).toBeUndefined();
    for (const key of ['photos/猫', 'photos/猫.j', 'photos/猫.jpg.png', 'photos']) {
      expect(await standingResult(client, { bucket: PLAIN, resultKey: key }, { ...source, key })).toBeUndefined();
    }
    s3.put(PLAIN, `${place.resultKey}.png`, PNG);
    for (const suffix of ['.error.json', '.png.parts/2.png']) await put(client, place.resultKey + suffix);
    expect(await standingResult(client, place, source)).toBeUndefined();
  });

  it('is named with all results that stand beside it', async () => {
    const { client } = await startS3();
    const key = `${place.resultKey}.png`;
    await put(client, key);
    await put(client, `${key}.parts/2.webp`, 'image/webp');
    await put(client, `${key}x`);
    const first = await standingResult(client, place, source);
    expect(first && (await allResults(client, PLAIN, first))).toEqual([
      { bucket: PLAIN, key, contentType: 'image/png', bytes: PNG.length },
      { bucket: PLAIN, key: `${key}.parts/2.webp`, contentType: 'image/webp', bytes: PNG.length },
    ]);
  });

  it('can be relied on when no delivery that began before the upload can be under way', () => {
    vi.useFakeTimers({ now: Date.parse('2026-03-31T10:10:00.000Z') });
    try {
      expect(settlesInSeconds('2026-03-31T10:09:59.500Z')).toBe(600);
      expect(settlesInSeconds('2026-03-31T10:03:00.000Z')).toBe(180);
      expect(settlesInSeconds('2026-03-31T10:00:00.000Z')).toBe(1);
      expect(settlesInSeconds('2025-03-31T10:00:00.000Z')).toBe(1);
      expect(settlesInSeconds(undefined)).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a failure whose source has been deleted', () => {
  const failed = { source: { bucket: 'uploads', key: source.key }, failedAt: new Date() };

  it('is of no interest once a newer upload has been delivered, but is beside the result of an older one', async () => {
    const { client } = await startS3();
    const uploadedAt = '2026-03-31T10:00:00.000Z';
    const result = resultMetadata({ ...job, uploadedAt });
    await put(client, `${place.resultKey}.png`, 'image/png', { ...result, 'source-key-sha256': 'of another key' });
    const since = (startedAt: string) =>
      whySettled(client, place, { ...failed, startedAt: new Date(startedAt) }, () => false);
    expect(await since('2026-03-31T09:59:59.000Z')).toEqual({
      reason: 'a newer upload has been delivered',
      isDelivered: false,
    });
    expect(await since(uploadedAt)).toBeUndefined();
    expect(await since('2026-03-31T10:00:01.000Z')).toBeUndefined();
  });
});

describe('the checksum of an object', () => {
  it('is that of its bytes, whatever the key, if it is asked for', async () => {
    const { s3, client } = await startS3();
    for (const [bucket, key] of [
      [PLAIN, 'a.png'],
      [VERSIONED, 'b.png'],
    ] as const) {
      s3.put(bucket, key, Buffer.from('123456789'));
      const { checksum } = (await headObject(client, bucket, key, { checksum: true })) ?? {};
      // The check value of the algorithm's specification, in base64.
      expect(checksum).toBe(`crc64nvme:${Buffer.from('ae8b14860a799888', 'hex').toString('base64')}`);
    }
    expect((await headObject(client, PLAIN, 'a.png'))?.checksum).toBeUndefined();
  });

  it('is none of 32 bits, which is what the SDK for JavaScript sends along', async () => {
    const { client } = await startS3();
    await client.send(new PutObjectCommand({ Bucket: PLAIN, Key: 'a.png', Body: PNG }));
    expect((await headObject(client, PLAIN, 'a.png', { checksum: true }))?.checksum).toBeUndefined();
  });

  it.each([
    [{ 'x-amz-checksum-sha256': 'abc=', 'x-amz-checksum-type': 'FULL_OBJECT' }, 'sha256:abc='],
    [{ 'x-amz-checksum-sha256': 'abc=' }, 'sha256:abc='],
    [{ 'x-amz-checksum-sha256': 'abc=-2' }, undefined],
    [{ 'x-amz-checksum-sha256': 'abc=', 'x-amz-checksum-type': 'COMPOSITE' }, undefined],
    [{ 'x-amz-checksum-crc32c': 'abc=', 'x-amz-checksum-type': 'FULL_OBJECT' }, undefined],
  ])('with the headers %j is %s', async (headers, checksum) => {
    const server = await serve((_request, response) => response.writeHead(200, { ...headers, etag: '"e"' }).end());
    const credentials = { accessKeyId: 'AKIALOCAL', secretAccessKey: 'secret' };
    const client = new S3Client({ endpoint: server.origin, region: 'us-east-1', forcePathStyle: true, credentials });
    expect((await headObject(client, PLAIN, 'a.png', { checksum: true }))?.checksum).toBe(checksum);
  });
});
