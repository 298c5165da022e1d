import { Readable } from 'node:stream';
import {
  GetObjectCommand,
  type GetObjectCommandInput,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { onTestFinished } from 'vitest';
import { LocalS3, type ObjectCreated, type S3Request } from '../../../local/s3.ts';

/** An S3 for one test, and clients for it. */

export const MB = 1024 * 1024;
export const PLAIN = 'plain';
export const VERSIONED = 'versioned';

export async function startS3() {
  const events: ObjectCreated[] = [];
  const requests: S3Request[] = [];
  const s3 = await LocalS3.start({
    buckets: { [PLAIN]: { versioned: false }, [VERSIONED]: { versioned: true } },
    credentials: { AKIALOCAL: 'secret/with+signs' },
    onObjectCreated: (event) => events.push(event),
    onRequest: (request) => {
      requests.push(request);
    },
  });
  onTestFinished(() => s3.close());
  return { s3, events, requests, client: clientOf(s3), operations: () => requests.map(({ operation }) => operation) };
}

const ignore = () => undefined;

export function clientOf(s3: LocalS3, config: S3ClientConfig = {}): S3Client {
  const client = new S3Client({
    endpoint: s3.url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'AKIALOCAL', secretAccessKey: 'secret/with+signs' },
    // The client would warn on the console of what these tests do on purpose.
    logger: { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore },
    ...config,
  });
  onTestFinished(() => client.destroy());
  return client;
}

export function put(client: S3Client, Bucket: string, Key: string, Body: string | Buffer, more: object = {}) {
  return client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
}

export async function read(client: S3Client, input: GetObjectCommandInput): Promise<string> {
  const { Body } = await client.send(new GetObjectCommand(input));
  return (await Body?.transformToString()) ?? '';
}

export function chunksOf(total: number, size = 700_000): Readable {
  const parts = Array.from({ length: Math.ceil(total / size) }, (_, i) =>
    Buffer.alloc(Math.min(size, total - i * size), i + 1),
  );
  return Readable.from(parts, { objectMode: false });
}

export const fails = (status: number, name: string) => ({ name, $metadata: { httpStatusCode: status } });
