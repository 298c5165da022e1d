import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { type RunningServer, startServer } from '../../../local/gateway/server.ts';
import { type GatewayOptions, GatewaySimulator } from '../../../local/gateway.ts';

/** A gateway for each test, the requests that are made of it, and a website with the images and the webhooks. */

export const submitPath = '/bria-rmbg-2-0-682/v1/bria-rmbg-2-0-request';
const sample = await readFile(new URL('../../../local/sample/cat.jpg', import.meta.url));
export const key = 'a-good-key';

/** Quick to cut out. */
const small = await sharp(sample).resize(80).png().toBuffer();

export let gateway: GatewaySimulator;
export let website: Website;

/** Has the tests of a file start gateways, each of which is closed after its test. */
export function closeGateways(): void {
  beforeAll(async () => {
    website = await Website.start();
  });
  afterEach(async () => {
    await gateway?.close();
    website.received.length = 0;
    website.answer = 200;
  });
  afterAll(() => website.close());
}

/** Starts a gateway whose jobs end as soon as they are asked about. */
export async function start(options: Partial<GatewayOptions> = {}): Promise<void> {
  gateway = await GatewaySimulator.start({ apiKeys: [key], durationMs: 0, ...options });
}

/** Starts a gateway with a clock that stands still until it is set. */
export async function startAt(time: string): Promise<{ time: number }> {
  const clock = { time: Date.parse(time) };
  await start({ durationMs: 8_000, clock: { now: () => clock.time } });
  return clock;
}

export function submit(
  body = JSON.stringify({ image_url: `${website.url}/cat.jpg` }),
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(gateway.url + submitPath, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'ocp-apim-subscription-key': key, ...headers },
    body,
    redirect: 'manual',
    signal: signal ?? null,
  });
}

export async function submitted(body?: string, headers?: Record<string, string>): Promise<string> {
  const { request_id } = (await (await submit(body, headers)).json()) as { request_id: string };
  return request_id;
}

export function status(id: string, signal?: AbortSignal): Promise<Response> {
  const headers = { 'ocp-apim-subscription-key': key };
  return fetch(`${gateway.url}/v2/requests/status/${id}`, { headers, signal: signal ?? null });
}

export async function document(id: string): Promise<Record<string, unknown>> {
  return (await (await status(id)).json()) as Record<string, unknown>;
}

export async function output(id: string): Promise<{ media_url: string[] }> {
  return (await document(id)).output as { media_url: string[] };
}

/** The media URL of a job that is done. */
export async function completed(imageUrl = `${website.url}/cat.jpg`): Promise<string> {
  const { media_url } = await output(await submitted(JSON.stringify({ image_url: imageUrl })));
  return media_url[0] ?? '';
}

/** Gives up soon only where no answer comes. */
export const patience = (behaviour: unknown) => AbortSignal.timeout(String(behaviour).includes('hang') ? 100 : 10_000);

/** What came of a request, in a word or two. */
export async function describeAnswer(request: Promise<Response>): Promise<string> {
  try {
    const response = await request;
    await response.arrayBuffer();
    return `${response.status} ${response.headers.get('content-type') ?? ''}`;
  } catch (error) {
    return error instanceof Error && error.name === 'TimeoutError' ? 'timeout' : 'broken';
  }
}

/** Where the images are, and where webhooks go. */
class Website {
  readonly received: { method: string; url: string; headers: Record<string, unknown>; body: string }[] = [];
  answer = 200;
  #server: RunningServer | undefined;

  static async start(): Promise<Website> {
    const site = new Website();
    site.#server = await startServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const { method = '', url = '', headers } = request;
      site.received.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      response.statusCode = method === 'POST' ? site.answer : url.startsWith('/gone') ? 404 : 200;
      response.end(url.startsWith('/cat') ? small : url.startsWith('/sample') ? sample : 'hello');
    });
    return site;
  }

  get url(): string {
    return this.#server?.origin ?? '';
  }

  hooks(): unknown[] {
    return this.received.filter(({ method }) => method === 'POST').map(({ body }) => JSON.parse(body) as unknown);
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }
}
