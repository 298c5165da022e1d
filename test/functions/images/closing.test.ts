import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import tls from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { paddedPng } from '../../../local/png.ts';
import type { Order, Outcome } from './slow-reader.ts';

/** Trusted by the reader alone, for 127.0.0.1. */
const CERTIFICATE = join(import.meta.dirname, 'tls/certificate.pem');
const MB = 1_000_000;
/** From 1 kB to 20 MB: in steps of 5 % where Node's fetch dies, and of 50 % from there on. */
const SIZES = [...sizes(1_000, MB, 1.05), ...sizes(MB, 20 * MB, 1.5)];
const FEWER_SIZES = [...sizes(1_000, 20 * MB, 3)];

/** How a server answers a request, and closes the connection then. */
const WAYS: Record<string, { of: number[]; answer: (socket: net.Socket, body: Buffer) => unknown }> = {
  'at once': {
    of: SIZES,
    answer: (socket, body) => {
      socket.write(Buffer.concat([head(body, 'connection: close'), body]));
      socket.destroySoon();
    },
  },
  'its half alone': {
    of: FEWER_SIZES,
    answer: (socket, body) => {
      socket.write(head(body, 'connection: close'));
      socket.end(body);
    },
  },
  'unannounced, a moment later': {
    of: FEWER_SIZES,
    answer: async (socket, body) => {
      socket.write(head(body));
      socket.write(body);
      await setTimeout(10);
      socket.destroySoon();
    },
  },
  'as HTTP 1.0 does': {
    of: FEWER_SIZES,
    answer: (socket, body) => {
      socket.write(head(body).toString().replace('1.1', '1.0'));
      socket.write(body);
      socket.destroySoon();
    },
  },
  'after a body in chunks': {
    of: FEWER_SIZES,
    answer: (socket, body) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
      for (let at = 0; at < body.length; at += 50_000) {
        const chunk = body.subarray(at, at + 50_000);
        socket.write(`${chunk.length.toString(16)}\r\n`);
        socket.write(chunk);
        socket.write('\r\n');
      }
      socket.write('0\r\n\r\n');
      socket.destroySoon();
    },
  },
  'after a body that comes slowly': {
    of: FEWER_SIZES,
    answer: async (socket, body) => {
      socket.write(head(body));
      for (const part of [0, 1, 2, 3]) {
        await setTimeout(3);
        socket.write(body.subarray((part / 4) * body.length, ((part + 1) / 4) * body.length));
      }
      socket.destroySoon();
    },
  },
};

it.each(['http', 'https'] as const)(
  'delivers every result at the first try from a server that closes the connection after it, over %s',
  async (scheme) => {
    const origin = await startServer(scheme);
    const urls = Object.entries(WAYS).flatMap(([way, { of }]) =>
      of.map((bytes) => `${origin}/${encodeURIComponent(way)}/${bytes}`),
    );
    const outcomes = await readSlowly(urls);
    expect(outcomes.filter((outcome) => !('bytes' in outcome && outcome.url.endsWith(`/${outcome.bytes}`)))).toEqual(
      [],
    );
    expect(outcomes).toHaveLength(urls.length);
  },
);

/** Reads results in a process of its own, for what this is about ends the process. */
async function readSlowly(urls: string[]): Promise<Outcome[]> {
  const reader = fork(join(import.meta.dirname, 'slow-reader.ts'), {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: CERTIFICATE },
  });
  const ended = once(reader, 'exit').then(([code]) => {
    throw new Error(`The reader ended with ${code}`);
  });
  reader.send({ urls, atOnce: 8 } satisfies Order);
  const [outcomes] = await Promise.race([once(reader, 'message'), ended]);
  return outcomes;
}

async function startServer(scheme: 'http' | 'https'): Promise<string> {
  const sockets = new Set<net.Socket>();
  const onConnection = (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (request) => {
      const [, way = '', bytes] = /^GET \/(.+)\/(\d+) /.exec(String(request)) ?? [];
      WAYS[decodeURIComponent(way)]?.answer(socket, Buffer.concat([...paddedPng(Number(bytes))]));
    });
  };
  // So that it is the way that says what is closed.
  const options = { allowHalfOpen: true };
  const key = readFileSync(join(import.meta.dirname, 'tls/key.pem'));
  const server =
    scheme === 'http'
      ? net.createServer(options, onConnection)
      : tls.createServer({ ...options, key, cert: readFileSync(CERTIFICATE) }, onConnection);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function head(body: Buffer, ...headers: string[]): Buffer {
  return Buffer.from(['HTTP/1.1 200 OK', `content-length: ${body.length}`, ...headers, '', ''].join('\r\n'));
}

function* sizes(from: number, to: number, factor: number): Generator<number> {
  for (let bytes = from; bytes <= to; bytes *= factor) yield Math.round(bytes);
}
