import { describe, expect, it } from 'vitest';
import { closeGateways, completed, describeAnswer, gateway, patience, start, startAt, submitted } from './rig.ts';

closeGateways();

describe('downloads that go wrong', () => {
  it.each([
    ['hang', 'timeout'],
    ['reset', 'broken'],
    ['html', '200 text/html'],
    [{ status: 403, body: '<Error/>', headers: { 'content-type': 'application/xml' } }, '403 application/xml'],
    [{ redirect: 'http://169.254.169.254/' }, '302 '],
  ] as const)('%j, and then as usual', async (behaviour, expected) => {
    await start();
    const mediaUrl = await completed();
    gateway.nextDownloads(behaviour);
    const request = fetch(mediaUrl, { signal: patience(behaviour), redirect: 'manual' });
    expect(await describeAnswer(request)).toBe(expected);
    expect((await fetch(mediaUrl)).status).toBe(200);
  });

  it('cuts a body half-way, below its Content-Length', async () => {
    await start();
    const mediaUrl = await completed();
    const whole = await (await fetch(mediaUrl)).arrayBuffer();
    gateway.nextDownloads('cut');
    const response = await fetch(mediaUrl);

    expect(response.headers.get('content-length')).toBe(String(whole.byteLength));
    let received = 0;
    await expect(async () => {
      for await (const chunk of response.body ?? []) received += chunk.length;
    }).rejects.toThrow();
    expect(received).toBe(whole.byteLength >> 1);
  });

  it.each(['chunked', 'close-delimited', 'gzip'] as const)(
    '%s: the same bytes, sent in another way',
    async (behaviour) => {
      await start();
      const mediaUrl = await completed();
      const whole = Buffer.from(await (await fetch(mediaUrl)).arrayBuffer());
      gateway.nextDownloads(behaviour);
      const response = await fetch(mediaUrl);
      const { headers } = response;

      expect(Buffer.from(await response.arrayBuffer()).equals(whole)).toBe(true);
      expect({
        length: headers.has('content-length'),
        chunked: headers.get('transfer-encoding') === 'chunked',
        close: headers.get('connection') === 'close',
        gzip: headers.get('content-encoding') === 'gzip',
      }).toEqual({
        length: behaviour === 'gzip',
        chunked: behaviour === 'chunked',
        close: behaviour === 'close-delimited',
        gzip: behaviour === 'gzip',
      });
    },
  );

  it('does not compress for a client that asks for the bytes as they are', async () => {
    await start();
    const mediaUrl = await completed();
    gateway.nextDownloads('gzip');
    const response = await fetch(mediaUrl, { headers: { 'accept-encoding': 'identity' } });
    expect(response.headers.has('content-encoding')).toBe(false);
    await response.arrayBuffer();
  });

  it.each([false, true])('streams as many bytes as asked for (chunked: %s)', async (chunked) => {
    await start();
    const bytes = 5_000_001;
    gateway.nextDownloads({ bytes, chunked });
    const response = await fetch(`${gateway.cdnUrl}/anything`);
    expect(response.headers.get('content-length')).toBe(chunked ? null : String(bytes));

    const body = Buffer.from(await response.arrayBuffer());
    expect(body.length).toBe(bytes);
    expect(body.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  });

  it('streams more than fits into memory, until the reader has enough', async () => {
    await start();
    gateway.nextDownloads({ bytes: 1e12 });
    const response = await fetch(`${gateway.cdnUrl}/anything`);
    await response.body?.cancel();
    expect((await fetch(`${gateway.cdnUrl}/anything`)).status).toBe(404);
  });

  it('has nothing before the job is done, nor for a stranger', async () => {
    await startAt('2026-03-31T10:00:00.000Z');
    const id = await submitted();
    expect((await fetch(`${gateway.cdnUrl}/v1/${id}/output.png`)).status).toBe(404);
    expect((await fetch(`${gateway.cdnUrl}/v1/nobody/output.png`)).status).toBe(404);
  });
});
