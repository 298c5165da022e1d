import dns from 'node:dns';
import { createServer, isIP } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type CutoutError, isError } from '../../../functions/errors.ts';
import { Gateway, type GatewayOptions } from '../../../functions/gateway/client.ts';
import type { Answer, GatewayOptions as SimulatorOptions } from '../../../local/gateway.ts';
import { PNG } from '../../pictures.ts';
import { failureOf } from '../failure-of.ts';
import { serve, serveBytes, startSimulator } from '../servers.ts';

const IMAGE_URL = 'https://uploads.example/cat.jpg?X-Amz-Signature=secret';

function gatewayAt(url: string, options: Partial<GatewayOptions> = {}): Gateway {
  return new Gateway({ url, apiKey: async () => 'good-key', ...options });
}

/** A gateway whose jobs stay QUEUED, unless said otherwise. */
async function start(options: Partial<SimulatorOptions> = {}) {
  const simulator = await startSimulator({ durationMs: 3_600_000, ...options });
  return { simulator, gateway: gatewayAt(simulator.url) };
}

/** What a submission fails with if the gateway answers it so. */
async function refusalOf(answer: Answer): Promise<CutoutError> {
  const { simulator, gateway } = await start();
  simulator.nextSubmits(answer);
  const error = await failureOf(gateway.submit(IMAGE_URL));
  if (isError(error)) return error;
  throw error;
}

describe('submitting', () => {
  it('yields the request id and the status of the accepted job', async () => {
    const { simulator, gateway } = await start();
    const { requestId, status } = await gateway.submit(IMAGE_URL);

    expect(status).toBe('QUEUED');
    expect(simulator.submissions).toMatchObject([{ requestId, imageUrl: IMAGE_URL, accepted: true }]);
  });

  it('sends the documented headers, and asks for no webhook', async () => {
    const { simulator, gateway } = await start();
    await gateway.submit(IMAGE_URL);

    const headers = simulator.submissions[0]?.headers;
    expect(headers).toMatchObject({
      'ocp-apim-subscription-key': 'good-key',
      'content-type': 'application/json',
      'cache-control': 'no-cache',
      connection: 'close',
    });
    expect(headers).not.toHaveProperty('x-webhook-url');
  });

  it('POSTs to the documented path of the origin, whatever else stands in the setting', async () => {
    const server = await serve((_request, response) => response.writeHead(202).end('{"request_id":"id-1"}'));
    await gatewayAt(`${server.origin}/some/path?and=more`).submit(IMAGE_URL);

    expect(server.received).toMatchObject([{ method: 'POST', url: '/bria-rmbg-2-0-682/v1/bria-rmbg-2-0-request' }]);
  });

  it('opens a new connection for each request, since a kept one dies while a function is frozen', async () => {
    const server = await serve((_request, response) => response.writeHead(202).end('{"request_id":"id-1"}'));
    const gateway = gatewayAt(server.origin);
    for (let times = 0; times < 3; times++) await gateway.submit(IMAGE_URL);

    expect(new Set(server.received.map(({ port }) => port)).size).toBe(3);
  });

  it('takes a 202 without a status, or with one that is no word, for queued: the job is paid for', async () => {
    const { simulator, gateway } = await start();
    for (const status of [undefined, null, 7, '']) {
      simulator.nextSubmits({ status: 202, body: { request_id: 'id-1', status } });
      expect(await gateway.submit(IMAGE_URL)).toEqual({ requestId: 'id-1', status: 'QUEUED' });
    }
  });

  it('ignores fields it does not know', async () => {
    const { simulator, gateway } = await start();
    simulator.nextSubmits({ status: 202, body: { request_id: 'id-1', status: 'QUEUED', queue: { position: 7 } } });

    expect(await gateway.submit(IMAGE_URL)).toEqual({ requestId: 'id-1', status: 'QUEUED' });
  });
});

describe('asking for the status', () => {
  it('tells QUEUED, PROCESSING and COMPLETED, with every documented field', async () => {
    const clock = { time: Date.parse('2026-03-31T10:00:00.000Z') };
    const { simulator, gateway } = await start({ durationMs: 8_000, clock: { now: () => clock.time } });
    const image = await serveBytes(PNG);
    const { requestId } = await gateway.submit(`${image.origin}/cat.png`);
    const common = {
      requestId,
      modelId: 'bria-rmbg-2-0-682',
      error: undefined,
      createdAt: '2026-03-31T10:00:00.000Z',
    };
    const working = { ...common, mediaUrls: [], mediaType: undefined, completedAt: undefined };

    expect(await gateway.status(requestId)).toEqual({
      ...working,
      status: 'QUEUED',
      updatedAt: '2026-03-31T10:00:00.000Z',
    });
    clock.time += 3_000;
    expect(await gateway.status(requestId)).toEqual({
      ...working,
      status: 'PROCESSING',
      updatedAt: '2026-03-31T10:00:02.000Z',
    });
    clock.time += 5_000;
    expect(await gateway.status(requestId)).toEqual({
      ...common,
      status: 'COMPLETED',
      mediaUrls: [`${simulator.cdnUrl}/v1/${requestId}/output.png`],
      mediaType: 'application/octet-stream',
      updatedAt: '2026-03-31T10:00:08.000Z',
      completedAt: '2026-03-31T10:00:08.000Z',
    });
  });

  it.each(['FAILED', 'ERROR'] as const)('tells %s with the reason the gateway gives', async (outcome) => {
    const { simulator, gateway } = await start({ durationMs: 0 });
    simulator.nextOutcomes(outcome);
    const { requestId } = await gateway.submit(IMAGE_URL);

    const answer = await gateway.status(requestId);
    expect(answer).toMatchObject({ status: outcome, mediaUrls: [] });
    expect(answer.error).toBe(simulator.job(requestId)?.error);
    expect(answer.error).not.toBe('');
  });

  it('quotes a reason without the URLs in it, whatever its JSON type', async () => {
    const { simulator, gateway } = await start();
    const { requestId } = await gateway.submit(IMAGE_URL);
    simulator.nextStatuses(
      { document: { status: 'FAILED', error: `Could not fetch ${IMAGE_URL} in time` } },
      { document: { status: 'FAILED', error: { code: 7, url: IMAGE_URL } } },
    );

    expect((await gateway.status(requestId)).error).toBe('Could not fetch [url] in time');
    const second = (await gateway.status(requestId)).error;
    expect(second).toContain('"code":7');
    expect(second).not.toContain('secret');
  });

  it('passes on a status it does not know, and tolerates fields it does not know', async () => {
    const { simulator, gateway } = await start();
    const { requestId } = await gateway.submit(IMAGE_URL);
    simulator.nextStatuses({ document: { status: 'ON_HOLD', priority: 3, output: { extra: true } } });

    expect(await gateway.status(requestId)).toMatchObject({ requestId, status: 'ON_HOLD', mediaUrls: [] });
  });

  it('does not let a job down because a field that only informs is of another type', async () => {
    const { simulator, gateway } = await start();
    const { requestId } = await gateway.submit(IMAGE_URL);
    const output = { media_url: ['https://cdn.example/a.png'], media_type: 7 };
    const odd = { created_at: 1711878000, updated_at: {}, completed_at: false, model_id: 12, polling_url: [] };
    simulator.nextStatuses({ document: { status: 'COMPLETED', output, ...odd } });

    expect(await gateway.status(requestId)).toMatchObject({
      status: 'COMPLETED',
      mediaUrls: ['https://cdn.example/a.png'],
      createdAt: undefined,
      mediaType: undefined,
    });
  });

  it.each(['..', 'a/b', '', '../../admin'])('refuses to ask for %j, which is no request id', async (requestId) => {
    const { simulator, gateway } = await start();
    await expect(gateway.status(requestId)).rejects.toThrow('is no request id');
    expect(simulator.statusRequests).toEqual([]);
  });

  it('takes a media_url that is one string for a list of one', async () => {
    const { simulator, gateway } = await start();
    const { requestId } = await gateway.submit(IMAGE_URL);
    simulator.nextStatuses({ document: { status: 'COMPLETED', output: { media_url: 'https://cdn.example/a.png' } } });

    expect((await gateway.status(requestId)).mediaUrls).toEqual(['https://cdn.example/a.png']);
  });

  it('sends the key to the documented address, and never to a polling_url', async () => {
    const { simulator, gateway } = await start();
    const elsewhere = await serveBytes('{"request_id":"id-1","status":"COMPLETED"}');
    const polling_url = `${elsewhere.origin}/v2/requests/status/id-1`;
    simulator.nextSubmits({ status: 202, body: { request_id: 'id-1', status: 'QUEUED', polling_url } });
    simulator.nextStatuses({ status: 200, body: { request_id: 'id-1', status: 'QUEUED', polling_url } });

    const { requestId } = await gateway.submit(IMAGE_URL);
    await gateway.status(requestId);
    expect(simulator.statusRequests).toMatchObject([
      { requestId: 'id-1', headers: { 'ocp-apim-subscription-key': 'good-key', connection: 'close' } },
    ]);
    expect(elsewhere.received).toEqual([]);
  });

  it('does not believe an answer for another request', async () => {
    const { simulator, gateway } = await start();
    const { requestId } = await gateway.submit(IMAGE_URL);
    simulator.nextStatuses({ document: { request_id: 'another', status: 'COMPLETED' } });

    const error = await failureOf(gateway.status(requestId));
    expect(error).toMatchObject({ name: 'OutcomeUnknown' });
    expect(error.message).toContain(`another request than ${requestId}`);
  });

  it.each(['html', 'reset', { document: { status: '' } }, { document: { status: null } }, { status: 200 }] as const)(
    'finds no status in %j',
    async (behaviour) => {
      const { simulator, gateway } = await start();
      const { requestId } = await gateway.submit(IMAGE_URL);
      simulator.nextStatuses(behaviour);

      expect(await failureOf(gateway.status(requestId))).toMatchObject({ name: 'OutcomeUnknown' });
    },
  );

  it('says NotFound for a request that the gateway does not know', async () => {
    const { gateway } = await start();
    expect(await failureOf(gateway.status('never-submitted'))).toMatchObject({ name: 'NotFound' });
  });
});

describe('a documented refusal', () => {
  it.each([
    [400, 'BadRequest', "Model not found: Model 'bria-rmbg-2-0-682' not found or is disabled"],
    [402, 'InsufficientBalance', 'Insufficient Balance: Your wallet does not have enough balance.'],
    [403, 'Forbidden', 'Your subscription does not include this model.'],
    [404, 'NotFound', 'Resource not found'],
    [429, 'TooManyRequests', 'Rate limit is exceeded.'],
    [500, 'OutcomeUnknown', 'Something went wrong.'],
  ])("%i is %s and quotes the gateway's words", async (status, name, said) => {
    const error = await refusalOf({ status });

    expect(error.name).toBe(name);
    expect(error.message).toContain(`The gateway answered ${status}`);
    expect(error.message).toContain(said);
  });

  it('401 says that the key is not valid, without the key', async () => {
    const { simulator } = await start();
    const error = await failureOf(gatewayAt(simulator.url, { apiKey: async () => 'bad-key' }).submit(IMAGE_URL));

    expect(error).toMatchObject({ name: 'Unauthorized' });
    expect(error.message).toContain('Access denied due to missing or invalid subscription key');
    expect(error.message).not.toContain('bad-key');
  });

  it('401 may quote the key, which is not published', async () => {
    const error = await refusalOf({ status: 401, body: { error: 'Unauthorized', message: 'good-key is not valid' } });
    expect(error.message).toContain('[redacted] is not valid');
    expect(error.message).not.toContain('good-key');
  });

  it.each([502, 503, 504, 599])('%i leaves the outcome open, like every 5xx', async (status) => {
    const error = await refusalOf({ status, body: 'upstream error' });

    expect(error.name).toBe('OutcomeUnknown');
  });

  it('quotes no URL, not even in words that are JSON', async () => {
    const said = { error: 'Bad Request', message: { reason: `cannot fetch ${IMAGE_URL}` } };
    const error = await refusalOf({ status: 400, body: said });

    expect(error.message).toContain('cannot fetch [url]');
    expect(error.message).not.toContain('secret');
  });

  it('is the same without a body, or with one that is a web page', async () => {
    expect(await refusalOf({ status: 402, body: '' })).toMatchObject({ name: 'InsufficientBalance' });
    expect(await refusalOf({ status: 403, body: '<h1>Forbidden</h1>' })).toMatchObject({ name: 'Forbidden' });
  });
});

describe('Retry-After', () => {
  const retryAfter = async (value: string) =>
    (await refusalOf({ status: 429, headers: { 'retry-after': value } })).retryAfterSeconds;

  it('is read as seconds', async () => {
    expect(await retryAfter('17')).toBe(17);
  });

  it('is read as an HTTP date, from now on', async () => {
    const seconds = await retryAfter(new Date(Date.now() + 3_600_000).toUTCString());
    expect(seconds).toBeGreaterThan(3_500);
    expect(seconds).toBeLessThanOrEqual(3_600);
  });

  it('is rounded up where a date lies within a second', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-01-01T00:00:00.500Z') });
    try {
      expect(await retryAfter('Thu, 01 Jan 2026 00:00:10 GMT')).toBe(10);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is none to wait for once its date has passed', async () => {
    expect(await retryAfter('Wed, 21 Oct 2015 07:28:00 GMT')).toBe(0);
  });

  it('is undefined if it is missing or makes no sense', async () => {
    expect(await retryAfter('soon')).toBeUndefined();
    expect((await refusalOf({ status: 429 })).retryAfterSeconds).toBeUndefined();
  });

  it('is also read from a 503', async () => {
    const error = await refusalOf({ status: 503, headers: { 'retry-after': '30' } });
    expect(error.retryAfterSeconds).toBe(30);
  });
});

describe('an answer that the documentation does not know', () => {
  it('that does not come in time leaves the outcome open', async () => {
    const { simulator } = await start();
    simulator.nextSubmits('accept-then-hang');
    const error = await failureOf(gatewayAt(simulator.url, { timeoutMs: 50 }).submit(IMAGE_URL));

    expect(error).toMatchObject({ name: 'OutcomeUnknown' });
    expect(error.message).toContain('did not answer within 0.05 s');
  });

  it('that begins and never ends leaves the outcome open', async () => {
    const server = await serve((_request, response) => response.writeHead(202).write('{"request_id":'));
    const error = await failureOf(gatewayAt(server.origin, { timeoutMs: 200 }).submit(IMAGE_URL));

    expect(error).toMatchObject({ name: 'OutcomeUnknown' });
  });

  it('that is cut off leaves the outcome open', async () => {
    const server = await serve((request, response) => {
      response.writeHead(202, { 'content-length': 100 }).write('{"request_id":"id-1"}', () => request.socket.destroy());
    });

    expect(await failureOf(gatewayAt(server.origin).submit(IMAGE_URL))).toMatchObject({ name: 'OutcomeUnknown' });
  });

  it('that is a broken connection leaves the outcome open, also if the image was accepted', async () => {
    const { simulator, gateway } = await start();
    for (const behaviour of ['reset', 'accept-then-reset'] as const) {
      simulator.nextSubmits(behaviour);
      const error = await failureOf(gateway.submit(IMAGE_URL));
      expect(error).toMatchObject({ name: 'OutcomeUnknown' });
      expect(error.name).toBe('OutcomeUnknown');
    }
    expect(simulator.charged).toBe(1);
  });

  it('that is a web page leaves the outcome open', async () => {
    const { simulator, gateway } = await start();
    simulator.nextSubmits('html');
    const error = await failureOf(gateway.submit(IMAGE_URL));

    expect(error).toMatchObject({ name: 'OutcomeUnknown' });
    expect(error.message).toContain('The gateway answered 200 with text/html and without a request_id');
  });

  it('that has no request id leaves the outcome open', async () => {
    const { simulator, gateway } = await start();
    simulator.nextSubmits('no-request-id');

    expect(await failureOf(gateway.submit(IMAGE_URL))).toMatchObject({ name: 'OutcomeUnknown' });
    expect(simulator.charged).toBe(1);
  });

  it.each(['..', '.', 'a/b', '../../secrets', 'a?b', 'a#b', 'a%2Fb', '', ' ', 'a\nb', 'x'.repeat(201), 7, null, {}])(
    'that has the request id %j is not believed, since a status URL is built from it',
    async (request_id) => {
      const error = await refusalOf({ status: 202, body: { request_id, status: 'QUEUED' } });
      expect(error).toMatchObject({ name: 'OutcomeUnknown' });
    },
  );

  it('that redirects is not followed, and the key stays where it is', async () => {
    const { simulator, gateway } = await start();
    const { requestId } = await gateway.submit(IMAGE_URL);
    simulator.nextSubmits('redirect');
    simulator.nextStatuses({ status: 302, headers: { location: `${simulator.cdnUrl}/elsewhere` } });

    expect(await failureOf(gateway.submit(IMAGE_URL))).toMatchObject({ name: 'OutcomeUnknown' });
    expect(await failureOf(gateway.status(requestId))).toMatchObject({ name: 'OutcomeUnknown' });
    expect(simulator.cdnRequests).toEqual([]);
  });

  it('that is far longer than any of the gateway, and ends with the connection, is read or refused', async () => {
    const server = await serve((_request, response) => {
      const padding = 'x'.repeat(lengths[server.received.length - 1] ?? 0);
      response.setHeader('connection', 'close').end(`{"request_id":"id-1","status":"QUEUED","padding":"${padding}"}`);
    });
    // The sizes at which Node's fetch dies, where whoever reads pauses; an error that nobody catches fails the tests.
    const lengths = Array.from({ length: 60 }, (_, n) => 50_000 + n * 6_000);
    for (const length of lengths) {
      const outcome = await gatewayAt(server.origin)
        .status('id-1')
        .catch((error: Error) => error);
      if (length < 256_000) expect(outcome).toMatchObject({ requestId: 'id-1', status: 'QUEUED' });
      else if (length > 262_144) expect(outcome).toMatchObject({ name: 'OutcomeUnknown' });
    }
  });

  it('that is far too long is not read to its end', async () => {
    let sent = 0;
    const server = await serve((_request, response) => {
      response.writeHead(202, { 'content-type': 'application/json' }).write('{"request_id":"id-1","padding":"');
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536))) sent += 65_536;
      };
      response.on('drain', more);
      more();
    });
    const error = await failureOf(gatewayAt(server.origin).submit(IMAGE_URL));

    expect(error).toMatchObject({ name: 'OutcomeUnknown' });
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });
});

describe('a gateway that cannot be reached', () => {
  it('was surely sent nothing if its port is closed', async () => {
    const error = await failureOf(gatewayAt(`http://127.0.0.1:${await closedPort()}`).submit(IMAGE_URL));

    expect(error).toMatchObject({ name: 'GatewayUnreachable' });
    expect(error).not.toMatchObject({ name: 'OutcomeUnknown' });
    expect(error.message).toContain('ECONNREFUSED');
  });

  it('was surely sent nothing if each address of its name refuses', async () => {
    const error = await failureOf(gatewayAt(`http://localhost:${await closedPort()}`).submit(IMAGE_URL));
    expect(error).toMatchObject({ name: 'GatewayUnreachable' });
  });

  it('was surely sent nothing if it has several addresses and none connects, whatever the first one fails with', async () => {
    const port = await closedPort();
    for (const addresses of [
      [UNREACHABLE, '127.0.0.1'],
      ['127.0.0.1', '::1', UNREACHABLE],
    ]) {
      resolveTo(addresses);
      const error = await failureOf(gatewayAt(`http://gateway.test:${port}`).submit(IMAGE_URL));

      expect(error, addresses.join()).toMatchObject({ name: 'GatewayUnreachable' });
      expect(error.message).toMatch(/could not be reached \((ENETUNREACH|ECONNREFUSED)\)/);
    }
  });

  it('was surely sent nothing if its one address is unreachable', async () => {
    const error = await failureOf(gatewayAt(`http://${UNREACHABLE}:${await closedPort()}`).submit(IMAGE_URL));
    expect(error).toMatchObject({ name: 'GatewayUnreachable' });
    expect(error.message).toContain('ENETUNREACH');
  });

  it('may have accepted the image if one of its addresses took the request', async () => {
    const { simulator } = await start();
    resolveTo([UNREACHABLE, '127.0.0.1']);
    const gateway = gatewayAt(simulator.url.replace('127.0.0.1', 'gateway.test'));
    simulator.nextSubmits('accept-then-reset');
    expect(await failureOf(gateway.submit(IMAGE_URL))).toMatchObject({ name: 'OutcomeUnknown' });
    expect(await gateway.submit(IMAGE_URL)).toMatchObject({ status: 'QUEUED' });
    expect(simulator.charged).toBe(2);
  });

  it('was surely sent nothing if its name does not exist', async () => {
    const error = await failureOf(gatewayAt('https://gateway.invalid').submit(IMAGE_URL));
    expect(error).toMatchObject({ name: 'GatewayUnreachable' });
  });
});

describe('a rotated key', () => {
  const rotating = (keys: { cached: string; fresh: string }) => {
    const asked: string[] = [];
    const apiKey: GatewayOptions['apiKey'] = async ({ fresh } = { fresh: false }) => {
      asked.push(fresh ? 'fresh' : 'cached');
      return fresh ? keys.fresh : keys.cached;
    };
    return { apiKey, asked };
  };

  it('is read afresh after a 401, and the image is paid for once', async () => {
    const { simulator } = await start();
    const { apiKey } = rotating({ cached: 'old-key', fresh: 'good-key' });
    const gateway = gatewayAt(simulator.url, { apiKey });

    const { requestId } = await gateway.submit(IMAGE_URL);
    expect(simulator.submissions.map(({ headers }) => headers['ocp-apim-subscription-key'])).toEqual([
      'old-key',
      'good-key',
    ]);
    expect(simulator.charged).toBe(1);
    expect(await gateway.status(requestId)).toMatchObject({ requestId });
    expect(simulator.statusRequests).toHaveLength(2);
  });

  it('is not tried again if the fresh key is the refused one', async () => {
    const { simulator } = await start();
    const { apiKey, asked } = rotating({ cached: 'old-key', fresh: 'old-key' });
    const error = await failureOf(gatewayAt(simulator.url, { apiKey }).submit(IMAGE_URL));

    expect(error).toMatchObject({ name: 'Unauthorized' });
    expect(asked).toEqual(['cached', 'fresh']);
    expect(simulator.submissions).toHaveLength(1);
  });

  it('is tried once and no more', async () => {
    const { simulator } = await start();
    const { apiKey } = rotating({ cached: 'old-key', fresh: 'also-bad' });
    const error = await failureOf(gatewayAt(simulator.url, { apiKey }).submit(IMAGE_URL));

    expect(error).toMatchObject({ name: 'Unauthorized' });
    expect(simulator.submissions).toHaveLength(2);
    expect(simulator.charged).toBe(0);
  });

  it('is not looked for while the key at hand is good', async () => {
    const { simulator } = await start();
    const { apiKey, asked } = rotating({ cached: 'good-key', fresh: 'unused' });
    await gatewayAt(simulator.url, { apiKey }).submit(IMAGE_URL);

    expect(asked).toEqual(['cached']);
  });
});

/** An address of this machine that no connection can be made to: the loopback network's broadcast address. */
const UNREACHABLE = '127.255.255.255';

/** For this test, each host name has these addresses. */
function resolveTo(addresses: string[]): void {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  const lookup = (_name: string, _options: unknown, answer: (error: null, found: dns.LookupAddress[]) => void) =>
    answer(null, found);
  const spy = vi.spyOn(dns, 'lookup').mockImplementation(lookup as typeof dns.lookup);
  onTestFinished(() => spy.mockRestore());
}

/** A port of this machine that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('The server had no port');
  return address.port;
}
