import type { IncomingMessage, ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';
import { startServer } from '../../local/gateway/server.ts';
import { type GatewayOptions, GatewaySimulator } from '../../local/gateway.ts';

/** What came to a server of a test. */
interface Received {
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
