import { describe, expect, it } from 'vitest';
import { PNG } from '../../pictures.ts';
import { failureOf } from '../failure-of.ts';
import { serve, serveBytes } from '../servers.ts';
import { gatewayAt, IMAGE_URL, start } from './client-rig.ts';

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
