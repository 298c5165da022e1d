import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkHost, openMedium } from '../../../functions/results/medium.ts';
import { failureOf } from '../failure-of.ts';
import { serveBytes } from '../servers.ts';
import { openFrom, PICTURE, read, startCdn } from './medium-rig.ts';

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
