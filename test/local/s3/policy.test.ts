import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LocalS3 } from '../../../local/s3.ts';
import { clientOf, fails, MB, PLAIN, put, read } from './rig.ts';

describe('a bucket policy that wants a KMS key named', () => {
  const KEY = 'arn:aws:kms:us-east-1:111122223333:key/1';
  const named = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: KEY } as const;

  async function start(except?: RegExp): Promise<{ s3: LocalS3; client: S3Client }> {
    const s3 = await LocalS3.start({
      buckets: { [PLAIN]: { versioned: false, kmsPolicy: { key: KEY, ...(except && { except }) } } },
      credentials: { AKIALOCAL: 'secret/with+signs' },
    });
    onTestFinished(() => s3.close());
    return { s3, client: clientOf(s3) };
  }

  it.each<[string, Partial<PutObjectCommandInput>]>([
    ['nothing', {}],
    ['another algorithm', { ServerSideEncryption: 'AES256' }],
    ['no key', { ServerSideEncryption: 'aws:kms' }],
    ['another key', { ...named, SSEKMSKeyId: `${KEY}2` }],
  ])('denies writes that name %s', async (_, encryption) => {
    const { s3, client } = await start();
    await expect(put(client, PLAIN, 'a', 'x', encryption)).rejects.toMatchObject(fails(403, 'AccessDenied'));
    const begin = new CreateMultipartUploadCommand({ Bucket: PLAIN, Key: 'a', ...encryption });
    await expect(client.send(begin)).rejects.toMatchObject(fails(403, 'AccessDenied'));
    expect([s3.list(PLAIN), s3.uploadsUnderWay]).toEqual([[], 0]);
  });

  it('allows writes that name it, and parts, which name nothing', async () => {
    const { s3, client } = await start();
    await put(client, PLAIN, 'a', 'x', named);
    const params = { Bucket: PLAIN, Key: 'b', Body: Buffer.alloc(6 * MB), ...named } as const;
    await new Upload({ client, partSize: 5 * MB, params }).done();
    expect(s3.list(PLAIN)).toEqual(['a', 'b']);
  });

  it('may except keys; what is read and deleted is of no interest to it', async () => {
    const { s3, client } = await start(/^free\//);
    await put(client, PLAIN, 'free/a', 'x');
    s3.put(PLAIN, 'free/b', Buffer.from('x'));
    expect(() => s3.put(PLAIN, 'b', Buffer.from('x'))).toThrow('explicit deny');
    expect(await read(client, { Bucket: PLAIN, Key: 'free/a' })).toBe('x');
    await client.send(new DeleteObjectCommand({ Bucket: PLAIN, Key: 'free/a' }));
    expect(s3.list(PLAIN)).toEqual(['free/b']);
  });
});
