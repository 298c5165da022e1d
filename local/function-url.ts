import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A function's public URL. */
export interface FunctionUrl {
  /** Ends in a slash, as on AWS. */
  url: string;
  close: () => Promise<void>;
}

/** Serves a function on 127.0.0.1, with the event and the answer that Lambda's function URLs have. */
export async function serveFunctionUrl(invoke: (event: unknown) => Promise<unknown>): Promise<FunctionUrl> {
  const server = createServer((request, response) => void answer(invoke, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What a function returns to its URL. */
interface FunctionAnswer {
  statusCode?: number;
  headers?: Record<string, string>;
  body?: string;
  isBase64Encoded?: boolean;
}

/** What Lambda accepts at most as a request, in bytes. */
const MAX_REQUEST = 6 * 1024 * 1024;

async function answer(
  invoke: (event: unknown) => Promise<unknown>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  if (body.length > MAX_REQUEST) return void response.writeHead(413).end();
  const [rawPath = '/', rawQueryString = ''] = (request.url ?? '/').split('?');
  const event = {
    version: '2.0',
    rawPath,
    rawQueryString,
    headers: request.headers,
    requestContext: { http: { method: request.method, path: rawPath } },
    // Lambda passes text as it is, and anything else encoded.
    ...(body.length > 0 && bodyOf(body, request.headers['content-type'])),
  };
  try {
    const {
      statusCode = 200,
      headers = {},
      body: text = '',
      isBase64Encoded,
    } = (await invoke(event)) as FunctionAnswer;
    response.writeHead(statusCode, headers).end(Buffer.from(text, isBase64Encoded ? 'base64' : 'utf8'));
  } catch {
    response.writeHead(502).end('Internal Server Error');
  }
}

function bodyOf(body: Buffer, contentType = ''): { body: string; isBase64Encoded: boolean } {
  const isText = /^(text\/|application\/(json|xml|javascript))/.test(contentType);
  return { body: body.toString(isText ? 'utf8' : 'base64'), isBase64Encoded: !isText };
}
