import { CreateMultipartUploadCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { withKmsKey } from '../../../functions/results/encryption.ts';
import { serve } from '../servers.ts';

const KEY = 'arn:aws:kms:us-east-1:111122223333:key/1';
const OBJECT = { Bucket: 'results', Key: 'cat.jpg.png' };

type Send = (client: S3Client) => Promise<unknown>;

/** What a client that knows this key says of encryption when it sends something. */
async function said(key: string | undefined, send: Send): Promise<unknown> {
  const { origin, received } = await serve((_, response) => {
    response.end('<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>');
  });
  const credentials = { accessKeyId: 'AKIALOCAL', secretAccessKey: 'secret' };
  const config = { endpoint: origin, region: 'us-east-1', forcePathStyle: true, credentials };
  const client = withKmsKey(new S3Client(config), key);
  onTestFinished(() => client.destroy());
  await send(client);
  const headers = received.flatMap((request) => Object.entries(request.headers));
  return Object.fromEntries(headers.filter(([name]) => name.includes('encryption')));
}

const WRITES: [string, Send][] = [
  ['PutObject', (client) => client.send(new PutObjectCommand({ ...OBJECT, Body: 'x' }))],
  ['CreateMultipartUpload', (client) => client.send(new CreateMultipartUploadCommand(OBJECT))],
];

describe('a client of the results bucket', () => {
  it.each(WRITES)('names the KMS key with each write: %s', async (_, send) => {
    expect(await said(KEY, send)).toEqual({
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': KEY,
    });
  });

  it.each(WRITES)('says nothing of encryption where the key is not known: %s', async (_, send) => {
    expect(await said(undefined, send)).toEqual({});
  });

  it('says nothing of it when it reads', async () => {
    expect(await said(KEY, (client) => client.send(new GetObjectCommand(OBJECT)))).toEqual({});
  });
});
