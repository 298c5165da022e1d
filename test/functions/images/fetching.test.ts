import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import tls from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkImageUrl, guardedGet } from '../../../functions/images/fetching.ts';
import { failureOf } from '../failure-of.ts';
import { serve } from '../servers.ts';

const BODY = 'x'.repeat(100_000);
const patience = () => AbortSignal.timeout(20_000);
const get = (url: string, signal = patience()) => guardedGet(url, () => undefined, { signal });

async function read(body: Readable): Promise<string> {
  return Buffer.concat(await body.toArray()).toString();
}

/** A server that writes what it is given as soon as it is asked, and leaves the rest to the client. */
async function serveRaw(answer: string, then: 'wait' | 'end' | 'reset' = 'wait') {
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(answer, () => then === 'reset' && socket.resetAndDestroy());
      if (then === 'end') socket.end();
    });
  });
  return { origin: await listening(server), sockets };
}

/** Once the client has closed the connection, or broken it. */
function closed(socket: net.Socket | undefined): Promise<void> {
  return new Promise((resolve) => (socket?.closed ? resolve() : socket?.once('close', () => resolve())));
}

async function listening(server: net.Server): Promise<string> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a GET', () => {
  it('says who asks, for the bytes as they are, on a connection that is not kept', async () => {
    const server = await serve((_request, response) => response.end(BODY));
    for (let times = 0; times < 2; times++) {
      const { status, headers, body } = await get(`${server.origin}/cat.png?token=1`);
      expect({ status, length: headers['content-length'] ?? headers['transfer-encoding'] }).toEqual({
        status: 200,
        length: '100000',
      });
      expect(await read(body)).toBe(BODY);
    }

    expect(server.received[0]).toMatchObject({ method: 'GET', url: '/cat.png?token=1' });
    expect(server.received[0]?.headers).toEqual({
      accept: '*/*',
      'accept-encoding': 'identity',
      connection: 'close',
      host: server.origin.slice('http://'.length),
      'user-agent': expect.stringMatching(/^cutout \(\+.+\)$/),
    });
    expect(server.received[0]?.port).not.toBe(server.received[1]?.port);
  });

  it('closes its connection once the answer is read, or left', async () => {
    const { origin, sockets } = await serveRaw(`HTTP/1.1 200 OK\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`);
    const whole = await get(origin);
    await read(whole.body);
    await closed(sockets[0]);

    const left = await get(origin);
    left.body.destroy();
    await closed(sockets[1]);
  });

  it.each([
    ['ends', 'end'],
    ['is reset', 'reset'],
  ] as const)('fails where the connection %s before the body does', async (_how, then) => {
    for (const framing of ['content-length: 100', 'transfer-encoding: chunked']) {
      const { origin } = await serveRaw(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n3\r\nabc\r\n`, then);
      await failureOf(get(origin).then(({ body }) => read(body)));
    }
  });

  it.each([
    ['nothing', ''],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['half a header', 'HTTP/1.1 200 OK\r\ncontent-le'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'],
  ])('fails where the server answers %s', async (_what, answer) => {
    const { origin } = await serveRaw(answer, 'end');
    await failureOf(get(origin));
  });

  it('fails where the certificate is not trusted', async () => {
    const [key, cert] = ['key', 'certificate'].map((name) =>
      readFileSync(join(import.meta.dirname, `tls/${name}.pem`)),
    );
    const server = tls.createServer({ key, cert }, (socket) => socket.destroy());
    const origin = await listening(server);
    const error = await failureOf(get(origin.replace('http:', 'https:')));
    expect(error).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  it.each([
    ['nothing comes', ''],
    ['the body stops', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc'],
  ])('ends with its time, by that name, where %s', async (_what, answer) => {
    const { origin } = await serveRaw(answer);
    const error = await failureOf(get(origin, AbortSignal.timeout(200)).then(({ body }) => read(body)));
    expect(error.cause).toMatchObject({ name: 'TimeoutError' });
  });

  it('ends with its time also while nobody reads', async () => {
    const { origin, sockets } = await serveRaw(`HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n${BODY}`);
    const { body } = await get(origin, AbortSignal.timeout(200));
    await closed(sockets[0]);
    await failureOf(read(body));
  });
});

describe('a redirect', () => {
  it('is followed up to ten times, and each is checked before anything is sent there', async () => {
    const server = await serve(({ url }, response) => {
      const n = Number(url?.slice(1));
      if (n === 10) response.end('here');
      else response.writeHead(302, { location: `/${n + 1}` }).end(BODY);
    });
    const seen: string[] = [];
    const check = (url: URL) => {
      expect(server.received).toHaveLength(seen.length);
      seen.push(url.pathname);
    };
    const { status, body } = await guardedGet(`${server.origin}/0`, check, { signal: patience() });

    expect({ status, body: await read(body) }).toEqual({ status: 200, body: 'here' });
    expect(seen).toEqual(Array.from({ length: 11 }, (_, n) => `/${n}`));
  });

  it('after ten of them is the answer', async () => {
    const server = await serve((_request, response) => response.writeHead(307, { location: '/again' }).end());
    expect((await get(server.origin)).status).toBe(307);
    expect(server.received).toHaveLength(11);
  });

  it('to where the check refuses ends it, and leaves no connection', async () => {
    const { origin, sockets } = await serveRaw(
      'HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 9\r\n\r\n',
    );
    const check = ({ pathname }: URL) => {
      if (pathname === '/elsewhere') throw new Error('Not there');
    };
    const error = await failureOf(guardedGet(origin, check, { signal: patience() }));
    expect(error.message).toBe('Not there');
    await closed(sockets[0]);
    expect(sockets).toHaveLength(1);
  });

  it.each(['https://[', 'http://user:secret@:99999/'])('to %s, which is no URL, is the answer', async (location) => {
    const server = await serve((_request, response) => response.writeHead(302, { location }).end());
    expect(await get(server.origin)).toMatchObject({ status: 302, headers: { location } });
  });
});

describe('an image URL', () => {
  it.each(['https://me:s3cr3t@example.com/cat.jpg', 'https://me@example.com/cat.jpg'])(
    'such as %s is refused: whoever fetches it next may send no password',
    (url) => {
      const check = () => checkImageUrl(new URL(url), 'https://gateway.example');
      expect(check).toThrow(expect.objectContaining({ name: 'InvalidInput' }));
      expect(check).not.toThrow(/s3cr3t|example\.com/);
    },
  );
});
