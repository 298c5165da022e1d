import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Answer } from './behaviour.ts';

/** No request of the gateway's comes near this. */
const maxBodyBytes = 1_000_000;

/** A listening server and where it is. */
export interface RunningServer {
  /** Its origin, such as `http://127.0.0.1:41234`. */
  readonly origin: string;
  /** Stops it at once: connections are cut, whatever they wait for. */
  close(): Promise<void>;
}

/** Starts a server on a free port of this machine. A handler that throws breaks its connection. */
export async function startServer(
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<RunningServer> {
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port');

  return {
    origin: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Sends an answer in full. */
export function send(response: ServerResponse, { status, body, headers }: Answer): void {
  const raw = typeof body === 'string' || Buffer.isBuffer(body);
  const bytes = raw ? Buffer.from(body) : Buffer.from(body === undefined ? '' : JSON.stringify(body));
  response.statusCode = status;
  if (bytes.length > 0) response.setHeader('content-type', raw ? 'text/plain' : 'application/json');
  response.setHeader('content-length', bytes.length);
  for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value);
  response.end(bytes);
}

/** Breaks the connection, so that the client sees it reset. */
export function reset(request: IncomingMessage): void {
  request.socket.resetAndDestroy();
}

/** The request's headers, each as one string. */
export function headersOf(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) headers[name] = String(value);
  return headers;
}

/** The request's path, without a query. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').replace(/\?.*$/, '');
}

/** Reads a request's body; undefined if that is longer than a megabyte. */
export async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= maxBodyBytes) chunks.push(chunk);
  }
  return length <= maxBodyBytes ? Buffer.concat(chunks).toString('utf8') : undefined;
}

/** A path segment as it was meant, or as it came if it is not properly encoded. */
export function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
