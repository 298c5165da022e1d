import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Answer, errorAnswer, outputAnswer } from './aws-api/answer.ts';
import { accessKeyIn, type Call, isForS3, type Protocol, readCall } from './aws-api/call.ts';
import { AwsError } from './aws-api/error.ts';
import { notOffered } from './aws-api/not-offered.ts';

export { AwsError, accessKeyIn };

/** An operation such as `AWSStepFunctions.StartExecution`: input to output, both as the JSON protocols have them. */
// biome-ignore lint/suspicious/noExplicitAny: each operation knows its own input
export type Operation = (input: any) => unknown;

/** A server that speaks AWS's protocols for the given operations. */
export interface AwsApi {
  url: string;
  /** More may be added. */
  operations: Record<string, Operation>;
  close: () => Promise<void>;
}

/** Sees each call, by whose access key it is signed, and may refuse it. */
type CallListener = (operation: string, input: unknown, accessKeyId?: string) => AwsError | undefined;

interface Served {
  operations: Record<string, Operation>;
  onCall: CallListener;
  s3: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | undefined;
}

/**
 * Serves operations on 127.0.0.1, on a free port.
 *
 * @param s3 Answers requests for S3, so that one endpoint is enough for all services.
 */
export async function serveAwsApi(
  operations: Record<string, Operation>,
  onCall: CallListener = () => undefined,
  s3?: Served['s3'],
): Promise<AwsApi> {
  const served = { operations, onCall, s3 };
  const server = createServer((request, response) => {
    void (s3 && isForS3(request) ? s3(request, response) : answer(served, request, response));
  });
  // Clients keep connections for reuse: closing one under their hands would look like a failure of the service.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    operations,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(served: Served, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const send = (status: number, { headers, body }: Answer) => response.writeHead(status, headers).end(body);
  let protocol: Protocol = 'json';
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const call = readCall(request, Buffer.concat(chunks).toString());
    protocol = call.protocol;
    send(200, outputAnswer(call, await perform(served, call, accessKeyIn(request))));
  } catch (error) {
    send(error instanceof AwsError ? error.status : 500, errorAnswer(protocol, error as Error));
  }
}

async function perform({ operations, onCall }: Served, call: Call, accessKeyId?: string): Promise<unknown> {
  const name = `${call.service}.${call.operation}`;
  const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
  if (!operation) throw notOffered(call, Object.keys(operations));
  const refusal = onCall(name, call.input, accessKeyId);
  if (refusal) throw refusal;
  return operation(call.input);
}
