import { DeleteObjectCommand, GetObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { describe, expect, it } from 'vitest';
import { fails, PLAIN, put, read, startS3, VERSIONED } from './rig.ts';

describe('versions', () => {
  it('keeps every version, readable by its id', async () => {
    const { client, s3, events } = await startS3();
    const one = await put(client, VERSIONED, 'a', 'one');
    const two = await put(client, VERSIONED, 'a', 'two');
    expect(one.VersionId).toMatch(/^[\w-]{32}$/);
    expect(await read(client, { Bucket: VERSIONED, Key: 'a' })).toBe('two');
    expect(await read(client, { Bucket: VERSIONED, Key: 'a', VersionId: one.VersionId })).toBe('one');
    expect(s3.get(VERSIONED, 'a', one.VersionId)?.body.toString()).toBe('one');
    expect(s3.versions(VERSIONED, 'a').map(({ versionId }) => versionId)).toEqual([two.VersionId, one.VersionId]);
    expect(events.map(({ versionId }) => versionId)).toEqual([one.VersionId, two.VersionId]);
    await expect(read(client, { Bucket: VERSIONED, Key: 'a', VersionId: 'none' })).rejects.toMatchObject(
      fails(404, 'NoSuchVersion'),
    );
    await client.send(new DeleteObjectCommand({ Bucket: VERSIONED, Key: 'a', VersionId: two.VersionId }));
    expect(await read(client, { Bucket: VERSIONED, Key: 'a' })).toBe('one');
  });

  it('hides a deleted object behind a delete marker', async () => {
    const { client, s3 } = await startS3();
    const object = { Bucket: VERSIONED, Key: 'a' };
    const { VersionId: first } = await put(client, VERSIONED, 'a', 'one');
    const { VersionId: marker, DeleteMarker } = await client.send(new DeleteObjectCommand(object));
    expect(DeleteMarker).toBe(true);
    expect(s3.versions(VERSIONED, 'a')).toMatchObject([
      { deleteMarker: true, isLatest: true, versionId: marker },
      { deleteMarker: false, isLatest: false, versionId: first },
    ]);

    const gone = await fetch(await getSignedUrl(client, new GetObjectCommand(object)));
    expect([gone.status, gone.headers.get('x-amz-delete-marker')]).toEqual([404, 'true']);
    await expect(read(client, object)).rejects.toMatchObject(fails(404, 'NoSuchKey'));
    await expect(read(client, { ...object, VersionId: marker })).rejects.toMatchObject(fails(405, 'MethodNotAllowed'));
    expect(await read(client, { ...object, VersionId: first })).toBe('one');
    expect([s3.list(VERSIONED), s3.get(VERSIONED, 'a')]).toEqual([[], undefined]);

    const undone = await client.send(new DeleteObjectCommand({ ...object, VersionId: marker }));
    expect(undone).toMatchObject({ DeleteMarker: true, VersionId: marker });
    expect(await read(client, object)).toBe('one');
  });

  it('puts a delete marker even where there is nothing', async () => {
    const { client, s3 } = await startS3();
    await client.send(new DeleteObjectCommand({ Bucket: VERSIONED, Key: 'absent' }));
    expect(s3.versions(VERSIONED, 'absent')).toMatchObject([{ deleteMarker: true }]);
    await client.send(new DeleteObjectCommand({ Bucket: PLAIN, Key: 'absent' }));
    expect(s3.versions(PLAIN, 'absent')).toEqual([]);
  });
});
