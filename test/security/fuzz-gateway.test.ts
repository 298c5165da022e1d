import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isError } from '../../functions/errors.ts';
import { Gateway } from '../../functions/gateway/client.ts';
import { check, outcomeOf } from './fuzzing.ts';
import { API_KEY, almost, SIGNATURE, SIGNED_URL, textOf } from './hostile.ts';

describe('the answer of the gateway', () => {
  /** What the next connection is answered, to the byte. */
  let answer: Buffer;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(answer));
  });
  let gateway: Gateway;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    gateway = new Gateway({ url, apiKey: async () => API_KEY, timeoutMs: 2_000 });
  });
  afterAll(() => server.close());

  const document = almost({
    request_id: fc.constantFrom('bria-1', 'bria-1', 'bria-2', '..'),
    status: fc.constantFrom('QUEUED', 'COMPLETED', 'FAILED', 'ERROR', SIGNED_URL, API_KEY),
    error: fc.constantFrom(null, `key ${API_KEY} of ${SIGNED_URL}`, { key: API_KEY }, [[SIGNED_URL]]),
    message: fc.constantFrom('Not found', `Cannot GET ${SIGNED_URL} with ${API_KEY}`),
    output: almost({ media_url: fc.constantFrom([], SIGNED_URL, [SIGNED_URL]), media_type: fc.string() }),
    completed_at: fc.string(),
  });
  const oddHeaders = fc.array(
    fc.constantFrom(
      'content-type: application/json',
      `content-type: text/${API_KEY}`,
      'content-type: \0',
      'content-encoding: gzip',
      'content-encoding: nothing',
      'content-length: 5',
      'content-length: -1',
      'transfer-encoding: chunked',
      `location: https://127.0.0.1:1/${API_KEY}`,
      'retry-after: 5',
      `retry-after: ${'9'.repeat(400)}`,
      'retry-after: Fri, 31 Dec 9999 23:59:59 GMT',
      'retry-after: soon',
      `x: ${'x'.repeat(20_000)}`,
      'no header',
    ),
    { maxLength: 3 },
  );
  const headers = fc.oneof<fc.Arbitrary<string[]>[]>(fc.constant(['content-type: application/json']), oddHeaders);
  const statuses = fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(200, 202) },
    fc.constantFrom(400, 401, 402, 403, 404, 429, 500, 503),
    fc.integer({ min: 0, max: 1000 }),
  );
  const nested = fc
    .integer({ min: 1, max: 60_000 })
    .map((depth) => `{"request_id":"bria-1","status":"FAILED","error":${'['.repeat(depth)}${']'.repeat(depth)}}`);
  const bodies = fc.oneof(
    { weight: 8, arbitrary: textOf(document) },
    { weight: 2, arbitrary: nested },
    fc.uint8Array(),
    fc.constant('"x'.repeat(150_000)),
  );
  const http = fc.record({ status: statuses, headers, body: bodies });
  const answers = fc.oneof({ weight: 20, arbitrary: http }, fc.uint8Array());

  /** What stands on the wire. */
  function wire(answered: Uint8Array | { status: number; headers: string[]; body: string | Uint8Array }): Buffer {
    if (answered instanceof Uint8Array) return Buffer.from(answered);
    const head = [`HTTP/1.1 ${answered.status} Whatever`, ...answered.headers].join('\r\n');
    return Buffer.concat([Buffer.from(`${head}\r\n\r\n`), Buffer.from(answered.body)]);
  }

  it('to a submission is a request id, or an error of the table', async () => {
    let accepted = 0;
    await check(500, answers, async (answered) => {
      answer = wire(answered);
      const webhookUrl = `https://callbacks.example/cat/${SIGNATURE}`;
      const outcome = await outcomeOf(() => gateway.submit(SIGNED_URL, { webhookUrl }));
      if ('error' in outcome) return expect(isError(outcome.error)).toBe(true);
      accepted++;
      expect(outcome.value.requestId).toMatch(/^[A-Za-z0-9._-]{1,200}$/);
    });
    expect(accepted, 'submissions that were accepted').toBeGreaterThan(20);
  });

  it('to the question for a status is a status of that request, or an error of the table', async () => {
    let known = 0;
    await check(500, answers, async (answered) => {
      answer = wire(answered);
      const outcome = await outcomeOf(() => gateway.status('bria-1'));
      if ('error' in outcome) return expect(isError(outcome.error)).toBe(true);
      known++;
      const { requestId, status, error = '', mediaUrls } = outcome.value;
      expect(requestId).toBe('bria-1');
      expect(status).not.toContain(API_KEY);
      expect(error).not.toMatch(new RegExp(`${SIGNATURE}|planted\\+key`));
      expect(mediaUrls.every((url) => typeof url === 'string')).toBe(true);
    });
    expect(known, 'statuses that were known').toBeGreaterThan(20);
  });
});
