import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../../local/gateway/server.ts';
import { type GatewayEvent, type GatewayOptions, GatewaySimulator } from '../../local/gateway.ts';

const submitPath = '/bria-rmbg-2-0-682/v1/bria-rmbg-2-0-request';
const sample = await readFile(new URL('../../local/sample/cat.jpg', import.meta.url));
const key = 'a-good-key';

/** Quick to cut out. */
const small = await sharp(sample).resize(80).png().toBuffer();

let gateway: GatewaySimulator;
let website: Website;

beforeAll(async () => {
  website = await Website.start();
});

afterEach(async () => {
  await gateway?.close();
  website.received.length = 0;
  website.answer = 200;
});

afterAll(() => website.close());

describe('the documented path of a job', () => {
  it('answers a submission with 202, a request id and a polling URL', async () => {
    await start();
    const response = await submit();

    expect(response.status).toBe(202);
    expect(response.headers.get('content-type')).toBe('application/json');
    const body = (await response.json()) as { request_id: string };
    expect(body).toEqual({
      request_id: expect.stringMatching(
        /^bria-rmbg-2-0-682_01[0-9a-f]{6}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ),
      status: 'QUEUED',
      polling_url: `${gateway.url}/v2/requests/status/${body.request_id}`,
    });
  });

  it('goes from QUEUED to PROCESSING to COMPLETED, with every documented field', async () => {
    const clock = await startAt('2026-03-31T10:00:00.000Z');
    const id = await submitted();
    const common = {
      request_id: id,
      model_id: 'bria-rmbg-2-0-682',
      error: null,
      created_at: '2026-03-31T10:00:00.000Z',
    };

    expect(await document(id)).toEqual({
      ...common,
      status: 'QUEUED',
      output: null,
      updated_at: '2026-03-31T10:00:00.000Z',
      completed_at: null,
    });
    clock.time += 3_000;
    expect(await document(id)).toEqual({
      ...common,
      status: 'PROCESSING',
      output: null,
      updated_at: '2026-03-31T10:00:02.000Z',
      completed_at: null,
    });
    clock.time += 60_000;
    expect(await document(id)).toEqual({
      ...common,
      status: 'COMPLETED',
      output: {
        media_url: [`${gateway.cdnUrl}/v1/${id}/output.png`],
        media_type: 'application/octet-stream',
      },
      updated_at: '2026-03-31T10:00:08.000Z',
      completed_at: '2026-03-31T10:00:08.000Z',
    });
  });

  it('serves the cutout from another origin', async () => {
    await start();
    const response = await fetch(await completed(`${website.url}/sample.jpg`));

    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    expect(response.headers.get('etag')).toMatch(/^"[0-9a-f]{32}"$/);
    const picture = Buffer.from(await response.arrayBuffer());
    expect(response.headers.get('content-length')).toBe(String(picture.length));
    expect(await sharp(picture).metadata()).toMatchObject({ format: 'png', width: 800, height: 600, hasAlpha: true });
    expect(new URL(gateway.cdnUrl).host).not.toBe(new URL(gateway.url).host);
  });

  it('fetches the image with one GET', async () => {
    await start();
    await completed(`${website.url}/cat.jpg?X-Signature=s`);
    expect(website.received.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /cat.jpg?X-Signature=s']);
  });

  it('gets there by its timers alone', async () => {
    const events: GatewayEvent[] = [];
    await start({ durationMs: 20, onEvent: (event) => events.push(event) });
    const id = await submitted();
    await until(() => gateway.job(id)?.status === 'COMPLETED');

    expect(events).toEqual([
      { type: 'submission', requestId: id, accepted: true },
      { type: 'processing', requestId: id },
      { type: 'ended', requestId: id, status: 'COMPLETED' },
    ]);
  });

  it('gets there by ticks under a clock without timers', async () => {
    const clock = await startAt('2026-03-31T10:00:00.000Z');
    const id = await submitted(undefined, { 'x-webhook-url': `${website.url}/hook` });
    clock.time += 8_000;
    expect(gateway.job(id)?.status).toBe('PROCESSING');
    await gateway.tick();

    expect(gateway.job(id)?.status).toBe('COMPLETED');
    expect(gateway.webhookCalls).toHaveLength(1);
  });

  it('keeps account of submissions, status requests and downloads', async () => {
    await start();
    const mediaUrl = await completed();
    await fetch(mediaUrl, { headers: { 'accept-encoding': 'identity' } });

    expect(gateway.submissions).toEqual([
      expect.objectContaining({
        requestId: gateway.statusRequests[0]?.requestId,
        imageUrl: `${website.url}/cat.jpg`,
        headers: expect.objectContaining({ 'ocp-apim-subscription-key': key }),
        accepted: true,
      }),
    ]);
    expect(gateway.cdnRequests).toEqual([
      expect.objectContaining({
        method: 'GET',
        path: new URL(mediaUrl).pathname,
        headers: expect.objectContaining({ 'accept-encoding': 'identity' }),
      }),
    ]);
    expect(gateway.cdnRequests[0]?.headers).not.toHaveProperty('ocp-apim-subscription-key');
  });
});

describe('refusals', () => {
  it.each([
    [400, 'Model not found', "Model 'bria-rmbg-2-0-682' not found or is disabled"],
    [401, 'Unauthorized', expect.any(String)],
    [402, 'Insufficient Balance', 'Your wallet does not have enough balance.'],
    [403, 'Forbidden', expect.any(String)],
    [404, 'Not Found', expect.any(String)],
    [429, 'Too Many Requests', expect.any(String)],
    [500, 'Internal Server Error', expect.any(String)],
  ])('answers %i with its body, makes no job, and then goes on as usual', async (status, error, message) => {
    await start();
    gateway.nextSubmits({ status });
    const response = await submit();

    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ error, message });
    expect(gateway.accepted).toBe(0);
    expect((await submit()).status).toBe(202);
  });

  it('takes a body and headers of your own', async () => {
    await start();
    gateway.nextSubmits({ status: 429, body: 'slow down', headers: { 'retry-after': '7' } });
    const response = await submit();

    expect(response.headers.get('retry-after')).toBe('7');
    expect(await response.text()).toBe('slow down');
  });

  it('answers 401 to a missing or wrong key, on both endpoints', async () => {
    await start();
    const id = await submitted();
    for (const headers of [{}, { 'ocp-apim-subscription-key': 'wrong' }]) {
      const bare = { 'content-type': 'application/json', ...headers };
      const body = JSON.stringify({ image_url: `${website.url}/cat.jpg` });
      expect((await fetch(gateway.url + submitPath, { method: 'POST', headers: bare, body })).status).toBe(401);
      expect((await fetch(`${gateway.url}/v2/requests/status/${id}`, { headers })).status).toBe(401);
    }
    expect(gateway.accepted).toBe(1);
  });

  it('lets keys be rotated', async () => {
    await start();
    gateway.apiKeys.delete(key);
    expect((await submit()).status).toBe(401);
    gateway.apiKeys.add(key);
    expect((await submit()).status).toBe(202);
  });

  it.each(['', '{', 'null', '{}', '{"image_url": 7}', '{"image_url": "cat.jpg"}', '{"image_url": "file:///cat.jpg"}'])(
    'answers 400 to the body %j',
    async (body) => {
      await start();
      const response = await submit(body);
      expect(response.status).toBe(400);
      expect(await response.json()).toEqual({ error: 'Bad Request', message: expect.stringContaining('image_url') });
    },
  );

  it('answers 400 to a body that does not call itself JSON', async () => {
    await start();
    expect((await submit(undefined, { 'content-type': 'text/plain' })).status).toBe(400);
  });

  it('answers 404 to an unknown job, path or method', async () => {
    await start();
    const headers = { 'ocp-apim-subscription-key': key };
    for (const path of [
      '/',
      '/v2/requests/status/',
      '/v2/requests/status/nobody',
      '/v2/requests/status/%',
      submitPath,
    ]) {
      expect((await fetch(gateway.url + path, { headers })).status).toBe(404);
    }
  });
});

describe('submissions that go wrong', () => {
  it.each(['hang', 'reset', 'html', 'redirect'] as const)('%s: makes no job', async (behaviour) => {
    await start();
    gateway.nextSubmits(behaviour);
    const outcome = await describeAnswer(submit(undefined, {}, AbortSignal.timeout(100)));

    expect(outcome).toBe({ hang: 'timeout', reset: 'broken', html: '200 text/html', redirect: '307 ' }[behaviour]);
    expect(gateway.accepted).toBe(0);
  });

  it.each(['accept-then-reset', 'accept-then-hang', 'accept-then-500', 'no-request-id'] as const)(
    '%s: makes a job that is paid for, but does not say which',
    async (behaviour) => {
      await start();
      gateway.nextSubmits(behaviour);
      const outcome = await describeAnswer(submit(undefined, {}, AbortSignal.timeout(100)));

      expect(outcome).toBe(
        {
          'accept-then-reset': 'broken',
          'accept-then-hang': 'timeout',
          'accept-then-500': '500 application/json',
          'no-request-id': '202 application/json',
        }[behaviour],
      );
      await gateway.tick();
      expect(gateway.charged).toBe(1);
      expect(gateway.job(gateway.submissions[0]?.requestId ?? '')?.status).toBe('COMPLETED');
    },
  );

  it('shows whether a redirect was followed with the key', async () => {
    await start();
    gateway.nextSubmits('redirect');
    await fetch(gateway.url + submitPath, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'ocp-apim-subscription-key': key },
      body: '{}',
    });
    expect(gateway.cdnRequests[0]?.headers).toHaveProperty('ocp-apim-subscription-key', key);
  });

  it('can be told what always holds, also by looking at the submission', async () => {
    await start();
    gateway.always({ submit: ({ imageUrl }) => (imageUrl.endsWith('dog.jpg') ? { status: 403 } : 'accept') });
    gateway.nextSubmits({ status: 429 });

    const answers = [];
    for (const name of ['cat', 'dog', 'cat']) {
      answers.push((await submit(JSON.stringify({ image_url: `${website.url}/${name}.jpg` }))).status);
    }
    expect(answers).toEqual([429, 403, 202]);
  });
});

describe('status requests that go wrong', () => {
  it.each([
    ['hang', 'timeout'],
    ['reset', 'broken'],
    ['html', '200 text/html'],
    [{ status: 429, headers: { 'retry-after': '3' } }, '429 application/json'],
    [{ status: 503, body: 'no' }, '503 text/plain'],
  ] as const)('%j, and then as usual', async (behaviour, expected) => {
    await start();
    const id = await submitted();
    gateway.nextStatuses(behaviour);
    expect(await describeAnswer(status(id, AbortSignal.timeout(100)))).toBe(expected);
    expect((await status(id)).status).toBe(200);
  });

  it('merges a document over the true one', async () => {
    await start();
    const id = await submitted();
    gateway.nextStatuses({ document: { status: 'SOMETHING_NEW', output: 7 } });
    expect(await document(id)).toMatchObject({ request_id: id, status: 'SOMETHING_NEW', output: 7 });
  });
});

describe('ways for a job to end', () => {
  it('ends FAILED when told to, with an error and no output', async () => {
    await start();
    gateway.nextOutcomes('FAILED');
    expect(await document(await submitted())).toMatchObject({
      status: 'FAILED',
      error: expect.stringMatching(/./),
      output: null,
      completed_at: expect.any(String),
    });
    expect(gateway.charged).toBe(1);
  });

  it('ends ERROR in the documented form, which is not charged', async () => {
    await start();
    gateway.nextOutcomes('ERROR');
    const id = await submitted();
    expect(await document(id)).toEqual({
      request_id: id,
      status: 'ERROR',
      model_id: 'bria-rmbg-2-0-682',
      error: expect.stringMatching(/./),
      output: null,
    });
    expect([gateway.accepted, gateway.charged]).toEqual([1, 0]);
  });

  it('stays PROCESSING for ever, until it is finished by hand', async () => {
    const clock = await startAt('2026-03-31T10:00:00.000Z');
    gateway.nextOutcomes('NEVER');
    const id = await submitted();
    clock.time += 86_400_000;
    expect(await document(id)).toMatchObject({ status: 'PROCESSING' });

    await gateway.finish(id);
    expect(await document(id)).toMatchObject({ status: 'COMPLETED', completed_at: '2026-04-01T10:00:00.000Z' });
    await expect(gateway.finish(id)).rejects.toThrow('already ended');
  });

  it('is finished by hand before its time', async () => {
    await startAt('2026-03-31T10:00:00.000Z');
    const id = await submitted();
    await gateway.finish(id, 'ERROR');
    expect(await document(id)).toMatchObject({ status: 'ERROR' });
  });

  it('yields as many media as asked for', async () => {
    await start();
    gateway.nextOutcomes({ mediaCount: 2 }, { mediaCount: 0 });
    const { media_url } = await output(await submitted());

    expect(media_url.map((url) => url.split('/').at(-1))).toEqual(['output.png', 'output-2.png']);
    for (const url of media_url) expect((await fetch(url)).status).toBe(200);
    expect((await output(await submitted())).media_url).toEqual([]);
  });

  it('yields whatever media URLs it is given', async () => {
    await start();
    const mediaUrls = ['http://169.254.169.254/latest/meta-data', 'not a URL'];
    gateway.nextOutcomes({ mediaUrls });
    expect((await output(await submitted())).media_url).toEqual(mediaUrls);
  });

  it.each([
    ['gone.jpg', 'Could not fetch the image: image_url answered 404'],
    ['text.jpg', expect.stringContaining('Could not process the image')],
  ])('ends FAILED when the image is %s', async (name, error) => {
    await start();
    const id = await submitted(JSON.stringify({ image_url: `${website.url}/${name}?X-Signature=s` }));
    const ended = await document(id);
    expect(ended).toMatchObject({ status: 'FAILED', error });
    expect(JSON.stringify(ended)).not.toContain('X-Signature');
  });

  it('ends FAILED when the host of the image does not answer', async () => {
    await start();
    const id = await submitted(JSON.stringify({ image_url: 'http://127.0.0.1:1/cat.jpg' }));
    expect(await document(id)).toMatchObject({ status: 'FAILED' });
  });
});

describe('webhooks', () => {
  const hook = () => ({ 'x-webhook-url': `${website.url}/hook?token=t` });

  it.each(['COMPLETED', 'FAILED', 'ERROR'] as const)('posts the status document of a %s job', async (outcome) => {
    await start({ durationMs: 5 });
    gateway.nextOutcomes(outcome);
    const id = await submitted(undefined, hook());
    await until(() => gateway.webhookCalls[0]?.status === 200);

    expect(website.hooks()).toEqual([await document(id)]);
    expect(website.received.at(-1)).toMatchObject({ method: 'POST', url: '/hook?token=t' });
    expect(website.received.at(-1)?.headers).toMatchObject({ 'content-type': 'application/json' });
    expect(gateway.job(id)?.status).toBe(outcome);
  });

  it('calls once, whoever learns first that the job has ended', async () => {
    await start({ durationMs: 5 });
    const id = await submitted(undefined, hook());
    await Promise.all([document(id), document(id), pause(20)]);
    await until(() => gateway.webhookCalls[0]?.status === 200);
    expect(gateway.webhookCalls).toHaveLength(1);
  });

  it('notes a failed delivery and does not repeat it', async () => {
    const events: GatewayEvent[] = [];
    await start({ onEvent: (event) => events.push(event) });
    website.answer = 503;
    gateway.always({ outcome: 'NEVER' });
    await gateway.finish(await submitted(undefined, hook()));
    await gateway.finish(await submitted(undefined, { 'x-webhook-url': 'http://127.0.0.1:1/' }));
    await gateway.finish(await submitted(undefined, { 'x-webhook-url': 'nonsense' }));

    expect(gateway.webhookCalls).toMatchObject([
      { status: 503 },
      { error: expect.any(String) },
      { error: expect.any(String) },
    ]);
    expect(website.hooks()).toHaveLength(1);
    expect(events.filter(({ type }) => type === 'webhook')).toMatchObject(Array(3).fill({ delivered: false }));
  });

  it('can be lost or sent twice', async () => {
    await start();
    gateway.always({ outcome: 'NEVER' });
    gateway.nextWebhooks('lose', 'send-twice');
    await gateway.finish(await submitted(undefined, hook()));
    expect(website.hooks()).toHaveLength(0);
    await gateway.finish(await submitted(undefined, hook()));
    expect(website.hooks()).toHaveLength(2);
  });
});

describe('downloads that go wrong', () => {
  it.each([
    ['hang', 'timeout'],
    ['reset', 'broken'],
    ['html', '200 text/html'],
    [{ status: 403, body: '<Error/>', headers: { 'content-type': 'application/xml' } }, '403 application/xml'],
    [{ redirect: 'http://169.254.169.254/' }, '302 '],
  ] as const)('%j, and then as usual', async (behaviour, expected) => {
    await start();
    const mediaUrl = await completed();
    gateway.nextDownloads(behaviour);
    const request = fetch(mediaUrl, { signal: AbortSignal.timeout(100), redirect: 'manual' });
    expect(await describeAnswer(request)).toBe(expected);
    expect((await fetch(mediaUrl)).status).toBe(200);
  });

  it('cuts a body half-way, below its Content-Length', async () => {
    await start();
    const mediaUrl = await completed();
    const whole = await (await fetch(mediaUrl)).arrayBuffer();
    gateway.nextDownloads('cut');
    const response = await fetch(mediaUrl);

    expect(response.headers.get('content-length')).toBe(String(whole.byteLength));
    let received = 0;
    await expect(async () => {
      for await (const chunk of response.body ?? []) received += chunk.length;
    }).rejects.toThrow();
    expect(received).toBe(whole.byteLength >> 1);
  });

  it.each(['chunked', 'close-delimited', 'gzip'] as const)(
    '%s: the same bytes, sent in another way',
    async (behaviour) => {
      await start();
      const mediaUrl = await completed();
      const whole = Buffer.from(await (await fetch(mediaUrl)).arrayBuffer());
      gateway.nextDownloads(behaviour);
      const response = await fetch(mediaUrl);
      const { headers } = response;

      expect(Buffer.from(await response.arrayBuffer()).equals(whole)).toBe(true);
      expect({
        length: headers.has('content-length'),
        chunked: headers.get('transfer-encoding') === 'chunked',
        close: headers.get('connection') === 'close',
        gzip: headers.get('content-encoding') === 'gzip',
      }).toEqual({
        length: behaviour === 'gzip',
        chunked: behaviour === 'chunked',
        close: behaviour === 'close-delimited',
        gzip: behaviour === 'gzip',
      });
    },
  );

  it('does not compress for a client that asks for the bytes as they are', async () => {
    await start();
    const mediaUrl = await completed();
    gateway.nextDownloads('gzip');
    const response = await fetch(mediaUrl, { headers: { 'accept-encoding': 'identity' } });
    expect(response.headers.has('content-encoding')).toBe(false);
    await response.arrayBuffer();
  });

  it.each([false, true])('streams as many bytes as asked for (chunked: %s)', async (chunked) => {
    await start();
    const bytes = 5_000_001;
    gateway.nextDownloads({ bytes, chunked });
    const response = await fetch(`${gateway.cdnUrl}/anything`);
    expect(response.headers.get('content-length')).toBe(chunked ? null : String(bytes));

    const body = Buffer.from(await response.arrayBuffer());
    expect(body.length).toBe(bytes);
    expect(body.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  });

  it('streams more than fits into memory, until the reader has enough', async () => {
    await start();
    gateway.nextDownloads({ bytes: 1e12 });
    const response = await fetch(`${gateway.cdnUrl}/anything`);
    await response.body?.cancel();
    expect((await fetch(`${gateway.cdnUrl}/anything`)).status).toBe(404);
  });

  it('has nothing before the job is done, nor for a stranger', async () => {
    await startAt('2026-03-31T10:00:00.000Z');
    const id = await submitted();
    expect((await fetch(`${gateway.cdnUrl}/v1/${id}/output.png`)).status).toBe(404);
    expect((await fetch(`${gateway.cdnUrl}/v1/nobody/output.png`)).status).toBe(404);
  });
});

describe('closing', () => {
  it('cuts connections that hang and calls off what is under way', async () => {
    await start({ durationMs: 1_000 });
    await submitted(undefined, { 'x-webhook-url': `${website.url}/hook` });
    gateway.nextSubmits('hang');
    gateway.nextDownloads('hang');
    const hanging = [submit(), fetch(`${gateway.cdnUrl}/v1/x/output.png`)].map((request) => describeAnswer(request));
    await until(() => gateway.submissions.length === 2 && gateway.cdnRequests.length === 1);

    const startedAt = performance.now();
    await gateway.close();
    expect(await Promise.all(hanging)).toEqual(['broken', 'broken']);
    expect(performance.now() - startedAt).toBeLessThan(500);
    expect(gateway.webhookCalls).toEqual([]);
  });

  it('may be done twice', async () => {
    await start();
    await gateway.close();
    await gateway.close();
  });
});

/** Starts a gateway whose jobs end as soon as they are asked about. */
async function start(options: Partial<GatewayOptions> = {}): Promise<void> {
  gateway = await GatewaySimulator.start({ apiKeys: [key], durationMs: 0, ...options });
}

/** Starts a gateway with a clock that stands still until it is set. */
async function startAt(time: string): Promise<{ time: number }> {
  const clock = { time: Date.parse(time) };
  await start({ durationMs: 8_000, clock: { now: () => clock.time } });
  return clock;
}

function submit(
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

async function submitted(body?: string, headers?: Record<string, string>): Promise<string> {
  const { request_id } = (await (await submit(body, headers)).json()) as { request_id: string };
  return request_id;
}

function status(id: string, signal?: AbortSignal): Promise<Response> {
  const headers = { 'ocp-apim-subscription-key': key };
  return fetch(`${gateway.url}/v2/requests/status/${id}`, { headers, signal: signal ?? null });
}

async function document(id: string): Promise<Record<string, unknown>> {
  return (await (await status(id)).json()) as Record<string, unknown>;
}

async function output(id: string): Promise<{ media_url: string[] }> {
  return (await document(id)).output as { media_url: string[] };
}

/** The media URL of a job that is done. */
async function completed(imageUrl = `${website.url}/cat.jpg`): Promise<string> {
  const { media_url } = await output(await submitted(JSON.stringify({ image_url: imageUrl })));
  return media_url[0] ?? '';
}

/** What came of a request, in a word or two. */
async function describeAnswer(request: Promise<Response>): Promise<string> {
  try {
    const response = await request;
    await response.arrayBuffer();
    return `${response.status} ${response.headers.get('content-type') ?? ''}`;
  } catch (error) {
    return error instanceof Error && error.name === 'TimeoutError' ? 'timeout' : 'broken';
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(2);
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
