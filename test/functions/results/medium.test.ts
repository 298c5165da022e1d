import { createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkHost, MAX_RESULT_BYTES, type Medium, openMedium } from '../../../functions/results/medium.ts';
import type { CdnBehaviour, GatewaySimulator } from '../../../local/gateway.ts';
import { failureOf, PNG, serve, serveBytes, startSimulator } from '../support.ts';

/** A picture that takes more than one read, and more than is looked at first. */
const PICTURE = Buffer.concat([PNG, Buffer.alloc(300_000, 'x')]);

/** A CDN that has this picture for a result. */
async function startCdn(picture = PICTURE): Promise<{ cdn: GatewaySimulator; url: string }> {
  const cdn = await startSimulator();
  const image = await serveBytes(picture);
  const response = await fetch(`${cdn.url}/bria-rmbg-2-0-682/v1/bria-rmbg-2-0-request`, {
    method: 'POST',
    headers: { 'ocp-apim-subscription-key': 'good-key', 'content-type': 'application/json' },
    body: JSON.stringify({ image_url: `${image.origin}/cat.png` }),
  });
  const { request_id } = (await response.json()) as { request_id: string };
  const status = await fetch(`${cdn.url}/v2/requests/status/${request_id}`, {
    headers: { 'ocp-apim-subscription-key': 'good-key' },
  });
  const { output } = (await status.json()) as { output: { media_url: [string] } };
  return { cdn, url: output.media_url[0] };
}

/** Opens the result of a CDN that behaves so. */
async function openFrom(...behaviours: CdnBehaviour[]): Promise<Medium> {
  const { cdn, url } = await startCdn();
  cdn.nextDownloads(...behaviours);
  return openMedium(url, [cdn.cdnUrl]);
}

async function read({ bytes }: Medium): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('a host is trusted', () => {
  it.each([
    ['https://pub-582b7213209642b9b995c96c95a30381.r2.dev/v1/x/output.png', ['*.r2.dev']],
    ['https://a.b.r2.dev/output.png?sig=1', ['*.r2.dev']],
    ['https://PUB.R2.DEV/output.png', ['*.r2.dev']],
    ['https://pub.r2.dev:443/output.png', ['*.r2.dev']],
    ['https://cdn.example/output.png', ['*.r2.dev', 'cdn.example']],
    ['http://127.0.0.1:8080/output.png', ['http://127.0.0.1:8080']],
    ['https://cdn.example:8443/output.png', ['https://cdn.example:8443']],
  ])('as %s is by %j', (url, hosts) => {
    expect(() => checkHost(new URL(url), hosts)).not.toThrow();
  });

  it.each([
    ['the bare domain', 'https://r2.dev/output.png', ['*.r2.dev']],
    ['a look-alike', 'https://evilr2.dev/output.png', ['*.r2.dev']],
    ['a look-alike', 'https://x.r2.dev.evil.com/output.png', ['*.r2.dev']],
    ['a look-alike', 'https://r2xdev/output.png', ['*.r2.dev', 'r2.dev']],
    ['a path or query', 'https://evil.com/.r2.dev?x.r2.dev#x.r2.dev', ['*.r2.dev']],
    ['a name in the user info', 'https://x.r2.dev@evil.com/output.png', ['*.r2.dev']],
    ['a backslash', 'https://evil.com\\.r2.dev/output.png', ['*.r2.dev']],
    ['user info', 'https://user:password@x.r2.dev/output.png', ['*.r2.dev']],
    ['user info', 'http://user@127.0.0.1:8080/output.png', ['http://127.0.0.1:8080']],
    ['plain http', 'http://x.r2.dev/output.png', ['*.r2.dev']],
    ['another scheme', 'ftp://x.r2.dev/output.png', ['*.r2.dev']],
    ['another port', 'https://x.r2.dev:8443/output.png', ['*.r2.dev']],
    ['another port', 'https://cdn.example:8443/output.png', ['cdn.example']],
    ['an address', 'https://127.0.0.1/output.png', ['*.r2.dev']],
    ['an address', 'https://2130706433/output.png', ['*.r2.dev']],
    ['an address', 'https://[::1]/output.png', ['*.r2.dev']],
    ['an address', 'http://169.254.169.254/latest/meta-data', ['*.r2.dev']],
    ['a subdomain', 'https://x.cdn.example/output.png', ['cdn.example']],
    ['another origin', 'https://127.0.0.1:8080/output.png', ['http://127.0.0.1:8080']],
    ['another origin', 'http://127.0.0.1:8081/output.png', ['http://127.0.0.1:8080']],
    ['another origin', 'http://127.0.0.1.evil.com:8080/output.png', ['http://127.0.0.1:8080']],
    ['another scheme', 'blob:http://127.0.0.1:8080/output.png', ['http://127.0.0.1:8080']],
    ['any host', 'https://x.r2.dev/output.png', ['']],
    ['any host', 'https://x.r2.dev/output.png', []],
  ])('but not for %s: %s', (_why, url, hosts) => {
    const check = () => checkHost(new URL(url), hosts);
    expect(check).toThrow(expect.objectContaining({ name: 'UntrustedResultUrl' }));
  });

  it('or refused with its name, and nothing else of the URL', () => {
    const check = () => checkHost(new URL('https://me:password@evil.com/output.png?sig=secret'), ['*.r2.dev']);
    expect(check).toThrow('lies on (or redirects to) https://evil.com, which is not trusted');
  });
});

describe('a result', () => {
  it('is known for an image by its first bytes, whatever the CDN calls it, and comes whole', async () => {
    const medium = await openFrom('normal');

    expect(medium).toMatchObject({ contentType: 'image/png', extension: 'png' });
    expect((await read(medium)).equals(PICTURE)).toBe(true);
  });

  it('may be smaller than what is looked at first', async () => {
    const { cdn, url } = await startCdn(PNG);
    expect(await read(await openMedium(url, [cdn.cdnUrl]))).toEqual(PNG);
  });

  it('may come in chunks, without a length', async () => {
    expect((await read(await openFrom('chunked'))).equals(PICTURE)).toBe(true);
  });

  it('is not asked for compressed', async () => {
    const { cdn, url } = await startCdn();
    cdn.nextDownloads('gzip');

    expect((await read(await openMedium(url, [cdn.cdnUrl]))).equals(PICTURE)).toBe(true);
    expect(cdn.cdnRequests[0]?.headers['accept-encoding']).toBe('identity');
  });

  it('may be left unread', async () => {
    const medium = await openFrom('normal');
    await medium.cancel();
    expect((await read(medium)).length).toBeLessThan(PICTURE.length);
  });

  it('may be cancelled after it was read, or twice', async () => {
    const medium = await openFrom('normal');
    await read(medium);
    await medium.cancel();
    await medium.cancel();
  });

  it('that is a web page is invalid', async () => {
    const error = await failureOf(openFrom('html'));
    expect(error).toMatchObject({ name: 'InvalidResult' });
    expect(error.message).toContain('The result is no image by its own bytes');
  });

  it('that is empty is invalid', async () => {
    expect(await failureOf(openFrom({ status: 200, body: '' }))).toMatchObject({ name: 'InvalidResult' });
  });

  it.each([204, 206, 304, 403, 404, 429, 500, 503])('that is answered %i has not been downloaded', async (status) => {
    const error = await failureOf(openFrom({ status }));
    expect(error).toMatchObject({ name: 'DownloadFailed' });
    expect(error.message).toContain(`The CDN answered ${status} for a result`);
  });

  it('that breaks off fails while it is read, instead of ending early', async () => {
    const error = await failureOf(openFrom('cut').then(read));
    expect(error).toMatchObject({ name: 'DownloadFailed' });
    expect(error.message).toContain('broke off');
  });

  it('that breaks off within its first bytes has not been downloaded', async () => {
    const { cdn, url } = await startCdn(PNG);
    cdn.nextDownloads('cut');
    expect(await failureOf(openMedium(url, [cdn.cdnUrl]))).toMatchObject({ name: 'DownloadFailed' });
  });

  it('whose end is the end of the connection is refused, for it may have been cut anywhere', async () => {
    const error = await failureOf(openFrom('close-delimited'));
    expect(error).toMatchObject({ name: 'DownloadFailed' });
    expect(error.message).toContain('does not say how long a result is');
  });

  it('that is packed against our wish is refused, for its length cannot be checked', async () => {
    const packed = gzipSync(PICTURE);
    const headers = { 'content-encoding': 'gzip', 'content-length': packed.length };
    const server = await serve((_request, response) => response.writeHead(200, headers).end(packed));
    const error = await failureOf(openMedium(`${server.origin}/output.png`, [server.origin]).then(read));

    expect(error).toMatchObject({ name: 'DownloadFailed' });
  });

  it('has not been downloaded if the connection is reset or refused', async () => {
    expect(await failureOf(openFrom('reset'))).toMatchObject({ name: 'DownloadFailed' });

    const { cdn, url } = await startCdn();
    await cdn.close();
    expect(await failureOf(openMedium(url, [cdn.cdnUrl]))).toMatchObject({ name: 'DownloadFailed' });
  });

  it('that announces more than 1 GiB is too large, before any of it is read', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': MAX_RESULT_BYTES + 1 }).write(PNG);
    });
    const error = await failureOf(openMedium(`${server.origin}/output.png`, [server.origin]));

    expect(error).toMatchObject({ name: 'ResultTooLarge' });
  });

  it('may announce 1 GiB', async () => {
    const medium = await openFrom({ bytes: MAX_RESULT_BYTES });
    expect(medium.extension).toBe('png');
    await medium.cancel();
  });

  it('needs a URL that is one', async () => {
    for (const url of ['', 'output.png', '//x.r2.dev/output.png', 'https://']) {
      const error = await failureOf(openMedium(url, ['*.r2.dev']));
      expect(error).toMatchObject({ name: 'UntrustedResultUrl' });
    }
  });
});

describe('a redirect', () => {
  it('to a trusted host is followed', async () => {
    const { cdn, url } = await startCdn();
    cdn.nextDownloads({ redirect: url }, { redirect: new URL(url).pathname });

    expect((await read(await openMedium(`${cdn.cdnUrl}/moved`, [cdn.cdnUrl]))).equals(PICTURE)).toBe(true);
  });

  it('to a host that is not trusted is refused, and nothing is sent there', async () => {
    const elsewhere = await serveBytes(PICTURE);
    const error = await failureOf(openFrom({ redirect: `${elsewhere.origin}/output.png?sig=secret` }));

    expect(error).toMatchObject({ name: 'UntrustedResultUrl' });
    expect(error.message).toContain(elsewhere.origin);
    expect(error.message).not.toContain('secret');
    expect(elsewhere.received).toEqual([]);
  });

  it('is refused also if it comes after one to a trusted host', async () => {
    const elsewhere = await serveBytes(PICTURE);
    const error = await failureOf(openFrom({ redirect: '/once-more' }, { redirect: elsewhere.origin }));

    expect(error).toMatchObject({ name: 'UntrustedResultUrl' });
    expect(elsewhere.received).toEqual([]);
  });

  it.each([
    'http://x.r2.dev/output.png',
    'http://127.0.0.1:9001/2018-06-01/runtime/invocation/next',
    'http://localhost/output.png',
    'http://[::1]/output.png',
    'http://169.254.169.254/latest/meta-data/iam',
    'http://169.254.170.2/v2/credentials',
    'file:///etc/passwd',
    'data:image/png;base64,iVBORw0KGgo=',
    '//evil.com/output.png',
  ])('to %s is refused', async (redirect) => {
    expect(await failureOf(openFrom({ redirect }))).toMatchObject({ name: 'UntrustedResultUrl' });
  });

  it('to the loopback address is refused before a connection is made', async () => {
    let connections = 0;
    const trap = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void trap.close());
    const address = trap.address();
    const port = typeof address === 'object' ? address?.port : undefined;

    expect(await failureOf(openFrom({ redirect: `http://127.0.0.1:${port}/` }))).toMatchObject({
      name: 'UntrustedResultUrl',
    });
    expect(connections).toBe(0);
  });

  it('too many of them are a failed download', async () => {
    const { cdn, url } = await startCdn();
    cdn.always({ download: { redirect: url } });
    const error = await failureOf(openMedium(url, [cdn.cdnUrl]));

    expect(error).toMatchObject({ name: 'DownloadFailed' });
    expect(error.message).toContain('The CDN answered 302 for a result');
    expect(cdn.cdnRequests).toHaveLength(4);
  });

  it('to nowhere is a failed download', async () => {
    const error = await failureOf(openFrom({ redirect: 'https://[not-an-address/' }));
    expect(error).toMatchObject({ name: 'DownloadFailed' });
  });
});
