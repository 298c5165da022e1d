import { DeleteObjectCommand, DeleteObjectsCommand } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { describe, expect, it } from 'vitest';
import { chunksOf, fails, MB, PLAIN, put, read, startS3, VERSIONED } from './rig.ts';

describe('conditions on reads', () => {
  it('are honoured', async () => {
    const { client, s3 } = await startS3();
    const { etag } = s3.put(PLAIN, 'a', Buffer.from('a'));
    const get = (more: object) => read(client, { Bucket: PLAIN, Key: 'a', ...more });
    expect(await get({ IfMatch: `"${etag}"` })).toBe('a');
    await expect(get({ IfMatch: '"other"' })).rejects.toMatchObject(fails(412, 'PreconditionFailed'));
    expect(await get({ IfNoneMatch: '"other"' })).toBe('a');
    await expect(get({ IfNoneMatch: etag })).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } });
    expect(await get({ IfModifiedSince: new Date(0) })).toBe('a');
    await expect(get({ IfModifiedSince: new Date() })).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } });
  });
});

describe('conditions on writes', () => {
  it.each([PLAIN, VERSIONED])('let only the first writer create an object (%s)', async (bucket) => {
    const { client, s3, events } = await startS3();
    await put(client, bucket, 'a', 'one', { IfNoneMatch: '*' });
    await expect(put(client, bucket, 'a', 'two', { IfNoneMatch: '*' })).rejects.toMatchObject(
      fails(412, 'PreconditionFailed'),
    );
    expect(s3.get(bucket, 'a')?.body.toString()).toBe('one');
    expect(events).toHaveLength(1);
    s3.delete(bucket, 'a');
    await put(client, bucket, 'a', 'three', { IfNoneMatch: '*' });
    expect(s3.get(bucket, 'a')?.body.toString()).toBe('three');
  });

  it('let a writer replace only what it has seen', async () => {
    const { client, s3 } = await startS3();
    const { ETag } = await put(client, VERSIONED, 'a', 'one');
    await put(client, VERSIONED, 'a', 'two', { IfMatch: ETag });
    await expect(put(client, VERSIONED, 'a', 'three', { IfMatch: ETag })).rejects.toMatchObject(
      fails(412, 'PreconditionFailed'),
    );
    expect(s3.get(VERSIONED, 'a')?.body.toString()).toBe('two');
    s3.delete(VERSIONED, 'a');
    for (const key of ['a', 'never']) {
      await expect(put(client, VERSIONED, key, 'x', { IfMatch: ETag })).rejects.toMatchObject(fails(404, 'NoSuchKey'));
    }
  });

  it('let one of many concurrent writers win', async () => {
    const { client } = await startS3();
    const racers = Array.from({ length: 8 }, (_, i) => put(client, VERSIONED, 'a', `${i}`, { IfNoneMatch: '*' }));
    const outcomes = await Promise.allSettled(racers);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it.each([
    { kind: 'small', bytes: 1000, first: 'PutObject' },
    { kind: 'large', bytes: 6 * MB, first: 'CreateMultipartUpload' },
  ])('hold for a $kind streamed upload', async ({ bytes, first }) => {
    const { client, s3, events, operations } = await startS3();
    const upload = async (more: object) => {
      const params = { Bucket: VERSIONED, Key: 'a', Body: chunksOf(bytes), ContentType: 'image/png', ...more };
      return new Upload({ client, params }).done();
    };
    const { ETag } = await upload({ IfNoneMatch: '*', Metadata: { request: 'one' } });
    expect(operations()[0]).toBe(first);
    const reason = first === 'PutObject' ? first : 'CompleteMultipartUpload';
    expect(events).toMatchObject([{ size: bytes, reason, etag: ETag?.replaceAll('"', '') }]);
    expect(s3.get(VERSIONED, 'a')).toMatchObject({ contentType: 'image/png', metadata: { request: 'one' } });

    await expect(upload({ IfNoneMatch: '*' })).rejects.toMatchObject(fails(412, 'PreconditionFailed'));
    await expect(upload({ IfMatch: '"other"' })).rejects.toMatchObject(fails(412, 'PreconditionFailed'));
    expect(s3.versions(VERSIONED, 'a')).toHaveLength(1);
    await upload({ IfMatch: ETag });
    expect(s3.versions(VERSIONED, 'a')).toHaveLength(2);
    s3.delete(VERSIONED, 'a');
    await expect(upload({ IfMatch: ETag })).rejects.toMatchObject(fails(404, 'NoSuchKey'));
    expect(events).toHaveLength(2);
  });

  it('hold for deletes', async () => {
    const { client, s3 } = await startS3();
    const { ETag } = await put(client, VERSIONED, 'a', 'one');
    const remove = (Key: string, IfMatch?: string) =>
      client.send(new DeleteObjectCommand({ Bucket: VERSIONED, Key, IfMatch }));
    await expect(remove('a', '"other"')).rejects.toMatchObject(fails(412, 'PreconditionFailed'));
    await expect(remove('absent', ETag)).rejects.toMatchObject(fails(404, 'NoSuchKey'));
    expect([s3.versions(VERSIONED, 'a').length, s3.versions(VERSIONED, 'absent').length]).toEqual([1, 0]);
    await remove('a', ETag);
    expect(s3.list(VERSIONED)).toEqual([]);

    s3.put(PLAIN, 'x', Buffer.from('x'));
    s3.put(PLAIN, 'y', Buffer.from('y'));
    const Objects = [{ Key: 'x', ETag: '"other"' }, { Key: 'y' }];
    const result = await client.send(new DeleteObjectsCommand({ Bucket: PLAIN, Delete: { Objects } }));
    expect(result.Errors).toMatchObject([{ Key: 'x', Code: 'PreconditionFailed' }]);
    expect(result.Deleted).toMatchObject([{ Key: 'y' }]);
    expect(s3.list(PLAIN)).toEqual(['x']);
  });
});
