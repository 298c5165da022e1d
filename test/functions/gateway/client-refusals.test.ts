import { describe, expect, it, vi } from 'vitest';
import type { GatewayOptions } from '../../../functions/gateway/client.ts';
import { failureOf } from '../failure-of.ts';
import { gatewayAt, IMAGE_URL, refusalOf, start } from './client-rig.ts';

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
