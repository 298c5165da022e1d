import { GetObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { describe, expect, it } from 'vitest';
import { clientOf, fails, PLAIN, put, startS3, VERSIONED } from './rig.ts';

describe('signatures', () => {
  it('are required, of a known key, and right', async () => {
    const { s3 } = await startS3();
    const error = (accessKeyId: string, secretAccessKey: string) =>
      put(clientOf(s3, { credentials: { accessKeyId, secretAccessKey } }), PLAIN, 'a', 'x');
    await expect(error('AKIAOTHER', 'secret/with+signs')).rejects.toMatchObject(fails(403, 'InvalidAccessKeyId'));
    await expect(error('AKIALOCAL', 'guess')).rejects.toMatchObject(fails(403, 'SignatureDoesNotMatch'));
    const anonymous = await fetch(`${s3.url}/${PLAIN}/a`);
    expect([anonymous.status, await anonymous.text()]).toEqual([403, expect.stringContaining('AccessDenied')]);
    const old = await fetch(`${s3.url}/${PLAIN}/a?AWSAccessKeyId=AKIALOCAL&Expires=1&Signature=x`);
    expect([old.status, await old.text()]).toEqual([400, expect.stringContaining('Please use AWS4-HMAC-SHA256')]);
    expect(s3.list(PLAIN)).toEqual([]);
  });

  it('of a presigned URL cover method, path and version', async () => {
    const { client, requests } = await startS3();
    const { VersionId } = await put(client, VERSIONED, 'a.jpg', 'one');
    const { VersionId: other } = await put(client, VERSIONED, 'a.jpg', 'two');
    await put(client, VERSIONED, 'b.jpg', 'three');
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: VERSIONED, Key: 'a.jpg', VersionId }));
    expect(await (await fetch(url)).text()).toBe('one');
    expect(requests.at(-1)).toEqual({
      operation: 'GetObject',
      bucket: VERSIONED,
      key: 'a.jpg',
      versionId: VersionId,
      accessKeyId: 'AKIALOCAL',
      // The SDK signs this wish along.
      checksum: true,
      presigned: true,
    });
    expect((await fetch(url, { headers: { range: 'bytes=0-1' } })).status).toBe(206);
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(403);
    expect((await fetch(url.replace('a.jpg', 'b.jpg'))).status).toBe(403);
    expect((await fetch(url.replace(`${VersionId}`, `${other}`))).status).toBe(403);
    expect((await fetch(url.replace(`versionId=${VersionId}`, ''))).status).toBe(403);
    expect((await fetch(url.replace('X-Amz-Expires=900', 'X-Amz-Expires=9000'))).status).toBe(403);
    expect((await fetch(url, { headers: { 'x-amz-meta-added': 'later' } })).status).toBe(403);
  });

  it('of a presigned URL expire', async () => {
    const { client } = await startS3();
    await put(client, PLAIN, 'a', 'one');
    const command = new GetObjectCommand({ Bucket: PLAIN, Key: 'a' });
    const signedAgo = (seconds: number) =>
      getSignedUrl(client, command, { expiresIn: 60, signingDate: new Date(Date.now() - seconds * 1000) });
    expect((await fetch(await signedAgo(50))).status).toBe(200);
    const late = await fetch(await signedAgo(61));
    expect([late.status, await late.text()]).toEqual([403, expect.stringContaining('Request has expired')]);
  });
});
