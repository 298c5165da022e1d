import { describe, expect, it } from 'vitest';
import { closeGateways, gateway, key, start, submit, submitPath, submitted, website } from './rig.ts';

closeGateways();

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
