import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Exchange, Recorder } from '../../../commands/shared/recorder.ts';
import { Gateway } from '../../../functions/gateway/client.ts';
import { openMedium } from '../../../functions/results/medium.ts';
import { GatewaySimulator } from '../../../local/gateway.ts';
import { picture } from '../../pictures.ts';

const KEY = 'k3y-"that\\nobody-may-see';
const IMAGE = 'https://example.com/cat.jpg?Signature=c2lnbmF0dXJl%2fMQ%3d&t=s3cr3t%20token&w=300';
let gateway: GatewaySimulator;
let folder: string;

beforeAll(async () => {
  const cutOut = () => picture(3);
  gateway = await GatewaySimulator.start({ apiKeys: [KEY], durationMs: 0, cutOut });
});
afterAll(() => gateway?.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutout-record-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const record = () => new Recorder(folder, [KEY], IMAGE);
const clientWith = ({ fetch }: Recorder) => new Gateway({ url: gateway.url, apiKey: async () => KEY, fetch });

/** The files of the record, in their order, as text and as what they hold. */
function kept(): { text: string; exchanges: Exchange[] } {
  const texts = readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8'));
  return { text: texts.join('\n'), exchanges: texts.map((text) => JSON.parse(text)) };
}

describe('a record', () => {
  it('keeps each answer of the gateway, with its headers and times, and passes it on', async () => {
    const { requestId } = await clientWith(record()).submit(IMAGE);
    gateway.nextStatuses({ status: 429, headers: { 'retry-after': '7', 'x-ratelimit-limit': '60' } });
    await expect(clientWith(record()).status(requestId)).rejects.toMatchObject({ name: 'TooManyRequests' });

    expect(kept().exchanges).toEqual([
      {
        what: 'submit',
        request: expect.objectContaining({
          method: 'POST',
          body: { image_url: 'https://example.com/cat.jpg?Signature=[redacted]&t=[redacted]&w=300' },
        }),
        answer: expect.objectContaining({ status: 202, body: expect.objectContaining({ request_id: requestId }) }),
        sentAt: expect.stringMatching(/^\d{4}-.*Z$/),
        answeredAt: expect.stringMatching(/^\d{4}-.*Z$/),
        headersMs: expect.any(Number),
        bodyMs: expect.any(Number),
      },
      expect.objectContaining({
        what: 'status',
        answer: expect.objectContaining({
          status: 429,
          headers: expect.objectContaining({ 'retry-after': '7', 'x-ratelimit-limit': '60' }),
        }),
      }),
    ]);
  });

  it('keeps the headers of results, of which a file holds the bytes', async () => {
    const url = `${gateway.cdnUrl}/v1/some/output.png?X-Amz-Expires=60&X-Amz-Signature=abcdef`;
    gateway.media.set(new URL(url).pathname, await picture(3));
    gateway.nextDownloads({ redirect: url }, 'normal');
    const recorder = record();
    await (await openMedium(url, [gateway.cdnUrl], 'first', recorder.onAnswer)).cancel();

    expect(recorder.exchanges).toMatchObject([
      { what: 'download', answer: { status: 302 } },
      {
        what: 'download',
        request: { url: url.replace('abcdef', '[redacted]') },
        answer: { status: 200, headers: { 'content-type': 'application/octet-stream' } },
      },
    ]);
  });

  it('holds neither the API key nor anything of the query of the image, wherever the gateway repeats them', async () => {
    const echo = { error: `no ${KEY}`, message: `${encodeURIComponent(KEY)} for ${IMAGE}, s3cr3t token` };
    gateway.nextSubmits({ status: 403, body: echo, headers: { 'set-cookie': 'session=biscuit', 'x-echo': KEY } });
    await expect(clientWith(record()).submit(IMAGE)).rejects.toMatchObject({ name: 'Forbidden' });

    const { text } = kept();
    expect(text).toContain('403');
    for (const secret of ['k3y-', 'nobody-may-see', 'c2lnbmF0dXJl', 's3cr3t', 'biscuit']) {
      expect(text).not.toContain(secret);
    }
  });

  it('says why there was no answer', async () => {
    gateway.nextSubmits('accept-then-reset');
    await expect(clientWith(record()).submit(IMAGE)).rejects.toMatchObject({ name: 'OutcomeUnknown' });
    expect(kept().exchanges).toMatchObject([{ what: 'submit', problem: expect.stringMatching(/^\w+: ./) }]);
  });

  it('cannot begin where there can be no folder, so that nothing is paid for', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => new Recorder(join(folder, 'file'), [])).toThrow(/file/);
  });

  it('says what it could not keep, and loses no answer by it', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const recorder = record();
    rmSync(folder, { recursive: true });
    expect(await clientWith(recorder).submit(IMAGE)).toMatchObject({ status: 'QUEUED' });
    expect(said.mock.calls).toEqual([[expect.stringMatching(/^! An answer could not be recorded: .*ENOENT/)]]);
  });
});
