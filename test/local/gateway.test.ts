import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { GatewayEvent } from '../../local/gateway.ts';
import { until } from '../until.ts';
import {
  closeGateways,
  completed,
  document,
  gateway,
  key,
  start,
  startAt,
  submit,
  submitted,
  website,
} from './gateway/rig.ts';

closeGateways();

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
