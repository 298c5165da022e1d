import { describe, expect, it } from 'vitest';
import type { ErrorName } from '../../../functions/errors.ts';
import type { Job } from '../../../functions/job.ts';
import { setEnvironment } from '../invocation.ts';
import { serve } from '../servers.ts';

setEnvironment({});
const { CutoutError } = await import('../../../functions/errors.ts');
const { Gateway } = await import('../../../functions/gateway/client.ts');
const { withRenewal } = await import('../../../functions/results/renewal.ts');

const HOUR = 3_600_000;
const OLD = 'https://pub-1.r2.dev/old.png';
const NEW = 'https://pub-2.r2.dev/new.png';
const REQUEST = 'bria-rmbg-2-0-682_019d';
const failed = (httpStatus?: number) => new CutoutError('DownloadFailed', 'It failed', { httpStatus });
const named = (name: ErrorName) => new CutoutError(name, 'It failed');

/** A job that was completed so long ago, in milliseconds. */
function job(age: number, more: Partial<Job> = {}): Job {
  return {
    execution: 'cat-0123',
    source: { imageUrl: 'https://example.com/cat.jpg' },
    submission: 1,
    submissionId: 'cat-0123#1',
    requestId: REQUEST,
    submittedAt: new Date(Date.now() - age - 5_000).toISOString(),
    status: 'COMPLETED',
    waitSeconds: 5,
    mediaUrls: [OLD],
    completedAt: new Date(Date.now() - age).toISOString(),
    ...more,
  };
}

/**
 * Delivers the result of a job: from its own URLs and then from others it fails in these ways; undefined succeeds.
 *
 * @param answer Of the status endpoint: an HTTP status, or what it says of the job.
 * @returns what came of it, the URLs that were tried, and how often the status endpoint was asked
 */
async function deliver(subject: Job, failures: (Error | undefined)[], answer: number | object = 404) {
  const { origin, received } = await serve((_, response) => {
    response.statusCode = typeof answer === 'number' ? answer : 200;
    response.end(JSON.stringify({ request_id: REQUEST, status: 'COMPLETED', ...(answer as object) }));
  });
  const tried: string[][] = [];
  const gateway = new Gateway({ url: origin, apiKey: async () => 'key' });
  const work = withRenewal(gateway, subject, async (urls) => {
    tried.push(urls);
    const failure = failures[tried.length - 1];
    if (failure !== undefined) throw failure;
    return 'delivered';
  });
  const outcome = await work.catch((error: unknown) => error);
  return { outcome, tried, asked: received.length };
}

const says = (url: string, more: object = {}) => ({ output: { media_url: [url] }, ...more });

describe('a result', () => {
  it('is delivered from the URL at hand, and nothing is asked', async () => {
    expect(await deliver(job(0), [undefined])).toEqual({ outcome: 'delivered', tried: [[OLD]], asked: 0 });
  });

  it.each([failed(404), failed(500), failed(), named('InvalidResult')])(
    'is delivered from the URL that the status names, after $name $httpStatus',
    async (failure) => {
      const delivered = { outcome: 'delivered', tried: [[OLD], [NEW]], asked: 1 };
      expect(await deliver(job(0), [failure, undefined], says(NEW))).toEqual(delivered);
      expect(await deliver(job(9 * HOUR), [failure, undefined], says(NEW))).toEqual(delivered);
    },
  );

  it.each([named('UntrustedResultUrl'), named('ResultTooLarge'), named('InternalError'), new TypeError('a fault')])(
    'that fails by $name fails at once',
    async (failure) => {
      expect(await deliver(job(0), [failure], says(NEW))).toEqual({ outcome: failure, tried: [[OLD]], asked: 0 });
    },
  );

  it.each([failed(403), failed(), named('InvalidResult'), named('UntrustedResultUrl'), named('ResultTooLarge')])(
    'that fails by $name $httpStatus from the second URL, too, fails so, however old it is',
    async (again) => {
      const { outcome, asked } = await deliver(job(9 * HOUR), [failed(404), again], says(NEW));
      expect([outcome, asked]).toEqual([again, 1]);
    },
  );

  it.each([404, 410])('whose second URL answers %i has expired an hour after its completion', async (status) => {
    const expired = { name: 'ResultExpired', message: expect.stringContaining(`The CDN answers ${status}`) };
    expect((await deliver(job(HOUR), [failed(), failed(status)], says(NEW))).outcome).toMatchObject(expired);
    const recent = failed(status);
    expect((await deliver(job(HOUR - 60_000), [failed(), recent], says(NEW))).outcome).toBe(recent);
  });

  it('has the time of its completion from the last answer, if that says it', async () => {
    const gone = failed(404);
    const at = (age: number) => says(NEW, { completed_at: new Date(Date.now() - age).toISOString() });
    expect((await deliver(job(0), [gone, gone], at(HOUR))).outcome).toMatchObject({ name: 'ResultExpired' });
    expect((await deliver(job(HOUR), [gone, gone], at(0))).outcome).toBe(gone);
    expect((await deliver(job(HOUR), [gone, gone], at(-HOUR))).outcome).toMatchObject({ name: 'ResultExpired' });
    const unknown = job(9 * HOUR, { completedAt: undefined });
    expect((await deliver(unknown, [gone, gone], says(NEW))).outcome).toBe(gone);
  });
});

describe('a request that the gateway does not know any more', () => {
  it.each([failed(404), failed(403), failed(400), named('InvalidResult')])(
    'has expired an hour after its completion, where the URL fails by $name $httpStatus',
    async (failure) => {
      const { outcome } = await deliver(job(HOUR), [failure], 404);
      expect(outcome).toMatchObject({ name: 'ResultExpired', message: expect.stringContaining(REQUEST) });
      expect((await deliver(job(HOUR - 60_000), [failure], 404)).outcome).toBe(failure);
    },
  );

  it.each([failed(503), failed(429), failed()])(
    'may still be delivered where only the CDN has trouble: $name $httpStatus',
    async (failure) => {
      expect((await deliver(job(9 * HOUR), [failure], 404)).outcome).toBe(failure);
    },
  );
});

describe('where the gateway does not say where the result lies,', () => {
  it.each([
    ['401', 401],
    ['403', 403],
    ['429', 429],
    ['500', 500],
    ['no URL', { output: null }],
    ['another status', says(NEW, { status: 'PROCESSING' })],
    ['FAILED', { status: 'FAILED', error: 'lost' }],
    ['another request', says(NEW, { request_id: 'another' })],
  ])('but %s, the download has failed as it did', async (_, answer) => {
    const failure = failed(404);
    const { outcome, tried } = await deliver(job(9 * HOUR), [failure], answer);
    expect([outcome, tried]).toEqual([failure, [[OLD]]]);
  });
});
