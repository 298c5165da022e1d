import type { IncomingMessage, ServerResponse } from 'node:http';
import { S3Client } from '@aws-sdk/client-s3';
import type { Context } from 'aws-lambda';
import { onTestFinished } from 'vitest';
import { startServer } from '../../local/gateway/server.ts';
import { type GatewayOptions, GatewaySimulator } from '../../local/gateway.ts';
import { LocalS3, type S3Request } from '../../local/s3.ts';

/** The smallest PNG there is: one transparent pixel. */
export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);

/** What came to a server of a test. */
export interface Received {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  /** The other end of the connection: another port, another connection. */
  port: number | undefined;
}

/** A web server for one test, which answers as the test says. */
export async function serve(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<{ origin: string; received: Received[] }> {
  const received: Received[] = [];
  const server = await startServer(async (request, response) => {
    const { method = '', url = '', headers, socket } = request;
    received.push({ method, url, headers, port: socket.remotePort });
    await answer(request, response);
  });
  onTestFinished(() => server.close());
  return { origin: server.origin, received };
}

/** A server that answers every GET with these bytes. */
export function serveBytes(body: Buffer | string, contentType = 'application/octet-stream') {
  return serve((_request, response) => response.setHeader('content-type', contentType).end(body));
}

/** A gateway for one test, which knows the key `good-key`; jobs are done when first asked about, and cost no work. */
export async function startSimulator(options: Partial<GatewayOptions> = {}): Promise<GatewaySimulator> {
  const simulator = await GatewaySimulator.start({
    apiKeys: ['good-key'],
    durationMs: 0,
    cutOut: async (image) => image,
    ...options,
  });
  onTestFinished(() => simulator.close());
  return simulator;
}

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

/** The error that `work` fails with. */
export async function failureOf(work: Promise<unknown>): Promise<Error> {
  const outcome = await work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome && outcome.error instanceof Error) return outcome.error;
  throw new Error(`It should have failed with an error, but there came ${JSON.stringify(outcome)}`);
}

/** What Lambda tells a function about the invocation. */
export const CONTEXT: Context = {
  callbackWaitsForEmptyEventLoop: false,
  functionName: 'function',
  functionVersion: '1',
  invokedFunctionArn: 'arn:aws:lambda:us-east-1:111122223333:function:function',
  memoryLimitInMB: '512',
  awsRequestId: '00000000-0000-0000-0000-000000000000',
  logGroupName: 'log',
  logStreamName: 'stream',
  getRemainingTimeInMillis: () => 30_000,
  done: () => {},
  fail: () => {},
  succeed: () => {},
};

/** Sets the environment that a function's module reads when it is imported: what the stack gives it, and AWS's own. */
export function setEnvironment(variables: Record<string, string>): void {
  Object.assign(process.env, {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'AKIALOCAL',
    AWS_SECRET_ACCESS_KEY: 'secret',
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
    ...variables,
  });
}
