import type { Exchange } from './recorder.ts';

/** The fields of answers that the gateway's documentation names. */
const DOCUMENTED = new Set([
  ...['request_id', 'status', 'polling_url', 'model_id', 'error', 'message', 'output', 'output.media_url'],
  ...['output.media_type', 'created_at', 'updated_at', 'completed_at'],
]);
const OF_RATE = /rate-?limit|retry-after|quota/i;
const OF_LIFE = /^(cache-control|expires|x-amz-expiration)$/i;

/** What a record tells that the gateway's documentation does not: as lines, each with its subject. */
export function summaryOf(exchanges: Exchange[]): string[] {
  const ofGateway = exchanges.filter(({ what }) => what !== 'download');
  const ofCdn = exchanges.filter(({ what }) => what === 'download');
  const rows: [string, string][] = [
    ['answers', answersIn(exchanges)],
    ['times', timesIn(ofGateway)],
    ['further fields', [...new Set(ofGateway.flatMap(({ answer }) => undocumented(answer?.body)))].join(', ')],
    ['rate limit', headersIn(ofGateway, OF_RATE)],
    ['life of results', [headersIn(ofCdn, OF_LIFE), ...lifeInUrls(ofCdn)].filter(Boolean).join(', ')],
    ['result', headersIn(ofCdn, /^(content-type|content-length|etag|accept-ranges)$/i)],
  ];
  const width = Math.max(...rows.map(([subject]) => subject.length));
  return rows.map(([subject, said]) => `${subject.padEnd(width)}  ${said || 'no word of it'}`);
}

/** Which answers came, and how often. */
function answersIn(exchanges: Exchange[]): string {
  const counts = new Map<string, number>();
  for (const { what, answer, problem } of exchanges) {
    const each = `${what} ${answer?.status ?? problem}`;
    counts.set(each, (counts.get(each) ?? 0) + 1);
  }
  return [...counts].map(([each, count]) => (count === 1 ? each : `${count} × ${each}`)).join(', ');
}

/** When the job was made and ended, in the words of its last status. */
function timesIn(exchanges: Exchange[]): string {
  const last = exchanges.findLast(({ what }) => what === 'status')?.answer?.body as Record<string, unknown> | undefined;
  const [made, ended] = [last?.created_at, last?.completed_at].map((time) => Date.parse(String(time ?? '')));
  const took = (Number(ended) - Number(made)) / 1000;
  return Number.isNaN(took) ? '' : `the job took ${took.toFixed(1)} s, from created_at to completed_at`;
}

function headersIn(exchanges: Exchange[], names: RegExp): string {
  const found = new Map<string, string>();
  for (const { answer } of exchanges) {
    for (const [name, value] of Object.entries(answer?.headers ?? {})) if (names.test(name)) found.set(name, value);
  }
  return [...found].map(([name, value]) => `${name}: ${value}`).join(', ');
}

/** A presigned URL says how long it lives. */
function lifeInUrls(exchanges: Exchange[]): string[] {
  return exchanges.flatMap(({ request }) => /[?&](X-Amz-Expires=\d+)/.exec(request.url)?.[1] ?? []);
}

/** Paths of the fields that the documentation does not name. */
function undocumented(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const field = path + name;
    return DOCUMENTED.has(field) ? undocumented(inner, `${field}.`) : [field];
  });
}
