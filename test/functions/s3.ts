import { S3Client } from '@aws-sdk/client-s3';
import { onTestFinished } from 'vitest';
import { LocalS3, type S3Request } from '../../local/s3.ts';

/** The bucket without versioning. */
export const PLAIN = 'plain';
/** The bucket with versioning. */
export const VERSIONED = 'versioned';

/** An S3 for one test, with a client for it, and all that was asked of it. */
export async function startS3(): Promise<{ s3: LocalS3; client: S3Client; requests: S3Request[] }> {
  const requests: S3Request[] = [];
  const s3 = await LocalS3.start({
    buckets: { [PLAIN]: { versioned: false }, [VERSIONED]: { versioned: true } },
    credentials: { AKIALOCAL: 'secret' },
    onRequest: (request) => {
      requests.push(request);
    },
  });
  onTestFinished(() => s3.close());
  const client = new S3Client({
    endpoint: s3.url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'AKIALOCAL', secretAccessKey: 'secret' },
  });
  onTestFinished(() => client.destroy());
  return { s3, client, requests };
}
