import { createHash } from 'node:crypto';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetBucketLocationCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { fails, MB, PLAIN, put, read, startS3, VERSIONED } from './rig.ts';

describe('objects', () => {
  it('keeps content type, metadata and further headers, and gives the MD5 as ETag', async () => {
    const { client, s3, events } = await startS3();
    const more = { ContentType: 'image/png', Metadata: { source: 'abc' }, CacheControl: 'no-store' };
    const { ETag, VersionId } = await put(client, PLAIN, 'a.png', 'hello', more);
    expect(ETag).toBe(`"${createHash('md5').update('hello').digest('hex')}"`);
    expect(VersionId).toBeUndefined();
    const head = await client.send(new HeadObjectCommand({ Bucket: PLAIN, Key: 'a.png' }));
    expect(head).toMatchObject({ ...more, ETag, ContentLength: 5 });
    expect(head.VersionId).toBeUndefined();
    expect(head.LastModified?.getTime()).toBeGreaterThan(Date.now() - 5000);
    expect(s3.get(PLAIN, 'a.png')).toMatchObject({ contentType: 'image/png', metadata: { source: 'abc' } });
    expect(events[0]?.etag).toBe(ETag?.replaceAll('"', ''));
    expect(events[0]).not.toHaveProperty('versionId');
  });

  it('replaces an object of a bucket without versions', async () => {
    const { client, s3 } = await startS3();
    await put(client, PLAIN, 'a', 'one');
    await put(client, PLAIN, 'a', 'two');
    expect(await read(client, { Bucket: PLAIN, Key: 'a' })).toBe('two');
    expect(s3.versions(PLAIN, 'a')).toHaveLength(1);
    await client.send(new DeleteObjectCommand({ Bucket: PLAIN, Key: 'a' }));
    expect(s3.versions(PLAIN, 'a')).toEqual([]);
  });

  it('answers NoSuchKey, NoSuchBucket, NotFound and NotImplemented', async () => {
    const { client } = await startS3();
    const absent = { Bucket: PLAIN, Key: 'absent' };
    await expect(read(client, absent)).rejects.toMatchObject(fails(404, 'NoSuchKey'));
    await expect(read(client, { ...absent, Bucket: 'nobody' })).rejects.toMatchObject(fails(404, 'NoSuchBucket'));
    await expect(client.send(new HeadObjectCommand(absent))).rejects.toMatchObject(fails(404, 'NotFound'));
    await expect(client.send(new HeadBucketCommand({ Bucket: 'nobody' }))).rejects.toMatchObject(
      fails(404, 'NotFound'),
    );
    await expect(client.send(new GetObjectTaggingCommand(absent))).rejects.toMatchObject({
      ...fails(501, 'NotImplemented'),
      message: expect.stringContaining('GetObjectTagging'),
    });
  });

  it('describes its buckets', async () => {
    const { client } = await startS3();
    const { Buckets } = await client.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toEqual([PLAIN, VERSIONED]);
    await client.send(new HeadBucketCommand({ Bucket: PLAIN }));
    const location = await client.send(new GetBucketLocationCommand({ Bucket: PLAIN }));
    expect(location.LocationConstraint || undefined).toBeUndefined();
  });

  it('copies an object, or a version of it, with its metadata or new one', async () => {
    const { client, s3, events } = await startS3();
    const { VersionId } = await put(client, VERSIONED, 'a', 'one', { Metadata: { n: '1' }, ContentType: 'text/one' });
    await put(client, VERSIONED, 'a', 'two');
    const CopySource = `${VERSIONED}/a?versionId=${VersionId}`;
    const copied = await client.send(new CopyObjectCommand({ Bucket: PLAIN, Key: 'b', CopySource }));
    expect(copied).toMatchObject({ CopySourceVersionId: VersionId, CopyObjectResult: { ETag: expect.any(String) } });
    expect(s3.get(PLAIN, 'b')).toMatchObject({ contentType: 'text/one', metadata: { n: '1' } });
    expect(events.at(-1)).toMatchObject({ bucket: PLAIN, key: 'b', size: 3, reason: 'CopyObject' });
    const replaced = { MetadataDirective: 'REPLACE', Metadata: { n: '2' } } as const;
    await client.send(new CopyObjectCommand({ Bucket: PLAIN, Key: 'c', CopySource, ...replaced }));
    expect(s3.get(PLAIN, 'c')).toMatchObject({ metadata: { n: '2' }, body: Buffer.from('one') });
  });

  it('refuses more than 2 KB of user metadata', async () => {
    const { client } = await startS3();
    await put(client, PLAIN, 'a', 'x', { Metadata: { k: 'v'.repeat(2047) } });
    await expect(put(client, PLAIN, 'b', 'x', { Metadata: { k: 'v'.repeat(2048) } })).rejects.toMatchObject(
      fails(400, 'MetadataTooLarge'),
    );
  });

  it('holds an object of 100 MB', async () => {
    const { client, s3 } = await startS3();
    const body = Buffer.alloc(100 * MB, 7);
    await put(client, PLAIN, 'big', body);
    expect(s3.get(PLAIN, 'big')?.body.equals(body)).toBe(true);
  });
});
