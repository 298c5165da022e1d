import { describe, expect, it } from 'vitest';
import { summaryOf } from '../../../commands/shared/record-summary.ts';
import type { Exchange } from '../../../commands/shared/recorder.ts';

const exchange = (what: Exchange['what'], answer: Exchange['answer'], url = 'https://example.com'): Exchange => ({
  what,
  request: { method: 'GET', url, headers: {} },
  ...(answer && { answer }),
});

describe('the summary of a record', () => {
  it('tells what the documentation does not: times, further fields, limits, and how long results live', () => {
    const made = { created_at: '2026-03-31T10:00:00.000Z', completed_at: null };
    const document = { request_id: 'a', status: 'COMPLETED', output: { media_url: ['x'], width: 5 } };
    const lines = summaryOf([
      exchange('submit', {
        status: 202,
        headers: { 'x-ratelimit-remaining': '9' },
        body: { request_id: 'a', cost: 1 },
      }),
      exchange('status', { status: 200, headers: { 'x-ratelimit-remaining': '8' }, body: made }),
      exchange('status', {
        ...{ status: 200, headers: {} },
        body: { ...made, ...document, completed_at: '2026-03-31T10:00:15.500Z' },
      }),
      exchange(
        'download',
        { status: 200, headers: { 'cache-control': 'max-age=60', 'content-type': 'image/png' } },
        'https://example.com/a.png?X-Amz-Expires=3600&X-Amz-Signature=[redacted]',
      ),
    ]);
    expect(lines).toEqual([
      'answers          submit 202, 2 × status 200, download 200',
      'times            the job took 15.5 s, from created_at to completed_at',
      'further fields   cost, output.width',
      'rate limit       x-ratelimit-remaining: 8',
      'life of results  cache-control: max-age=60, X-Amz-Expires=3600',
      'result           content-type: image/png',
    ]);
  });

  it('says of what there is no word', () => {
    const lines = summaryOf([{ ...exchange('submit', undefined), problem: 'Error: no connection' }]);
    expect(lines[0]).toBe('answers          submit Error: no connection');
    expect(lines.slice(1).every((line) => line.endsWith('no word of it'))).toBe(true);
  });
});
