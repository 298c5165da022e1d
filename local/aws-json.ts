import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An error that an AWS service answers with. */
export class AwsError extends Error {
  readonly status: number;
  constructor(name: string, message: string, status = 400) {
    super(message);
    this.name = name;
    this.status = status;
  }
}

/** An operation of an AWS service, such as `AWSStepFunctions.StartExecution`: input to output, both JSON. */
// biome-ignore lint/suspicious/noExplicitAny: each operation knows its own input
export type Operation = (input: any) => unknown;

/** A server that speaks the AWS JSON protocol for the given operations. */
export interface AwsJsonServer {
  url: string;
  close: () => Promise<void>;
}

/**
 * Serves operations on 127.0.0.1, on a free port.
 *
 * @param onCall Sees each call, and may refuse it.
 */
export async function serveAwsJson(
  operations: Record<string, Operation>,
  onCall: (operation: string, input: unknown) => AwsError | undefined = () => undefined,
): Promise<AwsJsonServer> {
  const server = createServer((request, response) => void answer(operations, onCall, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  operations: Record<string, Operation>,
  onCall: (operation: string, input: unknown) => AwsError | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
  };
  try {
    const target = String(request.headers['x-amz-target']);
    const operation = operations[target];
    if (!operation) throw new AwsError('UnknownOperationException', `${target} is not offered on this machine`);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const input = JSON.parse(Buffer.concat(chunks).toString() || '{}');
    const refusal = onCall(target, input);
    if (refusal) throw refusal;
    send(200, await operation(input));
  } catch (error) {
    const { name, message } = error as Error;
    send(error instanceof AwsError ? error.status : 500, { __type: name, message });
  }
}
