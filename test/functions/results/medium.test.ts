import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkHost, MAX_RESULT_BYTES, type Medium, openMedium } from '../../../functions/results/medium.ts';
import type { CdnBehaviour, GatewaySimulator } from '../../../local/gateway.ts';
import { paddedPng } from '../../../local/png.ts';
import { PNG } from '../../pictures.ts';
import { failureOf } from '../failure-of.ts';
import { serve, serveBytes, startSimulator } from '../servers.ts';

/** A picture that takes more than one read, and more than is looked at first. */
const PICTURE = Buffer.concat([...paddedPng(300_000)]);
const JPEG = await sharp(PNG).jpeg().toBuffer();
const WEBP = await sharp(PNG).webp().toBuffer();
const GIF = await sharp(PNG).gif().toBuffer();
/** What a HEIC picture begins with. */
const HEIC = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');
const PSD = Buffer.from('8BPS\0\x01\0\0\0\0\0\0\0\x03', 'latin1');
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const ID3_TAG = Buffer.from('ID3\x04\0\0\0\0\0\x02ab', 'latin1');

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

/** Reads what a server sends as a result, with a length that fits unless other headers are given. */
async function readFrom(body: Buffer, place?: 'first' | 'further', headers: Record<string, string> = {}) {
  const server = await serve((_request, response) => {
    const length = 'transfer-encoding' in headers ? {} : { 'content-length': body.length };
    response.writeHead(200, { ...length, ...headers }).end(body);
  });
  const medium = await openMedium(`${server.origin}/output.png`, [server.origin], place);
  return { ...medium, body: await read(medium) };
}

/** A server that writes these bytes as its answer, and closes the connection. */
async function serveRaw(head: string, body: Buffer): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`), body])));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
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

  it('may be left unread, and is not to be had any more then', async () => {
    const medium = await openFrom('normal');
    await medium.cancel();
    expect(await failureOf(read(medium))).toMatchObject({ name: 'DownloadFailed' });
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

  it.each(['gzip', 'identity', 'gzip, identity'])(
    'whose end is the end of the connection is refused also where a transfer encoding is named: %s',
    async (encoding) => {
      const origin = await serveRaw(`transfer-encoding: ${encoding}`, PICTURE);
      const error = await failureOf(openMedium(`${origin}/output.png`, [origin]).then(read));
      expect(error).toMatchObject({ name: 'DownloadFailed' });
    },
  );

  it.each(['gzip', 'br', 'deflate', 'zstd', 'X-Gzip', 'identity, gzip', 'unheard-of'])(
    'that comes in the content encoding %s is refused, whatever it holds',
    async (encoding) => {
      for (const body of [PICTURE, gzipSync(PICTURE)]) {
        const error = await failureOf(readFrom(body, 'first', { 'content-encoding': encoding }));
        expect(error).toMatchObject({ name: 'DownloadFailed' });
        expect(error.message).toContain('which was not asked for');
      }
    },
  );

  it.each(['identity', 'aws-chunked', 'AWS-Chunked, identity', ''])(
    'may come in the content encoding %j, which leaves the bytes as they are',
    async (encoding) => {
      expect((await readFrom(PICTURE, 'first', { 'content-encoding': encoding })).body.equals(PICTURE)).toBe(true);
    },
  );

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

  it('that announces no length is too large as soon as more than 1 GiB has come', async () => {
    const block = Buffer.alloc(64 * 1024 * 1024);
    const server = await serve(async (_request, response) => {
      response.write(Buffer.from('GIF89a'));
      for (let sent = 0; sent <= MAX_RESULT_BYTES && !response.destroyed; sent += block.length) {
        if (!response.write(block)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      }
    });
    const medium = await openMedium(`${server.origin}/output.gif`, [server.origin], 'further');
    let bytes = 0;
    const reading = (async () => {
      for await (const chunk of medium.bytes) bytes += chunk.byteLength;
    })();
    expect(await failureOf(reading)).toMatchObject({ name: 'ResultTooLarge' });
    expect(bytes).toBeLessThanOrEqual(MAX_RESULT_BYTES);
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

describe('the first result', () => {
  it.each([
    ['image/png', PNG],
    ['image/webp', WEBP],
  ])('may be %s, with or without bytes behind its end', async (contentType, image) => {
    for (const body of [image, Buffer.concat([image, Buffer.alloc(10_000, 'x')])]) {
      const result = await readFrom(body);
      expect(result).toMatchObject({ contentType });
      expect(result.body.equals(body)).toBe(true);
    }
  });

  it.each([
    ['image/jpeg', JPEG],
    ['image/gif', GIF],
    ['image/heic', HEIC],
    ['image/vnd.adobe.photoshop', PSD],
  ])('must not be %s, which is said', async (contentType, body) => {
    const error = await failureOf(readFrom(body));
    expect(error).toMatchObject({ name: 'InvalidResult' });
    expect(error.message).toContain(`The first result is ${contentType}, and neither PNG nor WebP`);
  });
});

describe('a further result', () => {
  it.each([
    ['image/png', PNG],
    ['image/webp', WEBP],
    ['image/jpeg', JPEG],
    ['image/gif', GIF],
    ['image/heic', HEIC],
    ['image/vnd.adobe.photoshop', PSD],
  ])('may be %s', async (contentType, image) => {
    const result = await readFrom(image, 'further');
    expect(result).toMatchObject({ contentType });
    expect(result.body.equals(image)).toBe(true);
  });
});

describe.each(['first', 'further'] as const)('a %s result', (place) => {
  it.each([
    ['PNG', PICTURE],
    ['PNG', PNG],
    ['WebP', WEBP],
    ...(place === 'further' ? [['JPEG', JPEG] as const] : []),
  ] as const)('that is half a %s has not been downloaded, though its length fits', async (format, image) => {
    const half = image.subarray(0, image.length >> 1);
    const chunked: Record<string, string> = { 'transfer-encoding': 'chunked' };
    for (const headers of [undefined, chunked]) {
      const error = await failureOf(readFrom(half, place, headers));
      expect(error).toMatchObject({ name: 'DownloadFailed' });
      expect(error.message).toContain(`The result is not whole: the ${format} has no end`);
    }
  });

  it('that lacks its last byte fails only once all others have passed', async () => {
    const server = await serveBytes(PICTURE.subarray(0, -1));
    const { bytes } = await openMedium(`${server.origin}/output.png`, [server.origin], place);
    let passed = 0;
    const failure = await failureOf(
      (async () => {
        for await (const chunk of bytes) passed += chunk.byteLength;
      })(),
    );
    expect(failure).toMatchObject({ name: 'DownloadFailed' });
    expect(passed).toBe(PICTURE.length - 1);
  });

  it('of which a byte has changed has not been downloaded', async () => {
    const changed = Buffer.from(PICTURE);
    changed[200_000] = 1;
    const error = await failureOf(readFrom(changed, place));
    expect(error).toMatchObject({ name: 'DownloadFailed' });
    expect(error.message).toContain('The result is broken: the PNG has a chunk with a wrong checksum');
  });

  it.each([
    ['a byte order mark', BYTE_ORDER_MARK],
    ['an ID3 tag', ID3_TAG],
    ['two byte order marks', Buffer.concat([BYTE_ORDER_MARK, BYTE_ORDER_MARK])],
    ['a tag behind a byte order mark', Buffer.concat([BYTE_ORDER_MARK, ID3_TAG])],
    ['a zero', Buffer.alloc(1)],
  ])('that stands behind %s is invalid: no decoder opens it', async (_what, before) => {
    for (const image of [PICTURE, WEBP, JPEG])
      expect(await failureOf(readFrom(Buffer.concat([before, image]), place))).toMatchObject({ name: 'InvalidResult' });
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
    expect(cdn.cdnRequests).toHaveLength(11);
  });

  it('to nowhere is a failed download', async () => {
    const error = await failureOf(openFrom({ redirect: 'https://[not-an-address/' }));
    expect(error).toMatchObject({ name: 'DownloadFailed' });
  });
});
