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

/** An operation such as `AWSStepFunctions.StartExecution`: input to output, both JSON, or output in XML as text. */
// biome-ignore lint/suspicious/noExplicitAny: each operation knows its own input
export type Operation = (input: any) => unknown;

/** A server that speaks AWS's protocols for the given operations. */
export interface AwsApi {
  url: string;
  /** More may be added. */
  operations: Record<string, Operation>;
  close: () => Promise<void>;
}

const JSON_TYPE = 'application/x-amz-json-1.0';

/** Sees each call, by whose access key it is signed, and may refuse it. */
type CallListener = (operation: string, input: unknown, accessKeyId?: string) => AwsError | undefined;

/** Serves operations on 127.0.0.1, on a free port. */
export async function serveAwsApi(
  operations: Record<string, Operation>,
  onCall: CallListener = () => undefined,
): Promise<AwsApi> {
  const server = createServer((request, response) => void answer(operations, onCall, request, response));
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

async function answer(
  operations: Record<string, Operation>,
  onCall: CallListener,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, body: unknown) => {
    const [type, text] = typeof body === 'string' ? ['text/xml', body] : [JSON_TYPE, JSON.stringify(body)];
    response.writeHead(status, { 'content-type': type }).end(text);
  };
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { target, input } = called(request.headers['x-amz-target'], Buffer.concat(chunks).toString());
    const operation = operations[target];
    if (!operation) throw new AwsError('UnknownOperationException', `${target} is not offered on this machine`);
    const refusal = onCall(target, input, accessKeyIn(request));
    if (refusal) throw refusal;
    send(200, await operation(input));
  } catch (error) {
    const { name, message } = error as Error;
    send(error instanceof AwsError ? error.status : 500, { __type: name, message });
  }
}

/** Whose access key a request says it is signed with. */
export function accessKeyIn({ headers }: IncomingMessage): string | undefined {
  return /Credential=([^/,]+)\//.exec(headers.authorization ?? '')?.[1];
}

/** Which operation a request calls: most services say so in a header, CloudFormation in a form. */
function called(header: string | string[] | undefined, body: string): { target: string; input: unknown } {
  if (typeof header === 'string') return { target: header, input: JSON.parse(body || '{}') };
  const form = Object.fromEntries(new URLSearchParams(body));
  return { target: `CloudFormation.${form.Action}`, input: form };
}
