import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileTypeFromBuffer } from 'file-type';
import type { LocalCloud } from '../cloud.ts';
import type { Controls } from './content.ts';
import { Desk, type DeskOptions, Refusal } from './desk.ts';
import { Feed } from './feed.ts';
import { makePage, type Page } from './html.ts';

/** How many ports are tried, from the one that is asked for. */
const MOST_PORTS = 100;
/** What browsers show, and what no script can be in. */
const SHOWN = ['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif'];
/** Longest file that may be dropped, in bytes: it is held in memory. */
const MAX_BYTES = 256 * 1024 * 1024;

export interface PageOptions extends DeskOptions {
  /** The first port to try; 0 for any. */
  port: number;
}

/** The page of a local run, on the loopback address. It is for whoever sits at this machine, and for no other website. */
export class PageServer {
  readonly url: string;
  readonly #server: Server;
  readonly #page: Page;
  readonly #desk: Desk;
  readonly #feed: Feed;

  static async start(cloud: LocalCloud, { port, ...options }: PageOptions): Promise<PageServer> {
    const page = await makePage();
    const server = createServer();
    await listen(server, port);
    return new PageServer(server, page, cloud, options);
  }

  private constructor(server: Server, page: Page, cloud: LocalCloud, options: DeskOptions) {
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    this.#server = server;
    this.#page = page;
    this.#desk = new Desk(cloud, this.url, options);
    this.#feed = new Feed(() => this.#desk.look());
    server.on('request', (request, response) => void this.#serve(request, response));
  }

  async close(): Promise<void> {
    this.#feed.close();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('cross-origin-resource-policy', 'same-origin');
    response.setHeader('referrer-policy', 'no-referrer');
    try {
      this.#check(request);
      await this.#answer(request, response);
    } catch (error) {
      const { status, message } = error instanceof Refusal ? error : { status: 500, message: String(error) };
      // Answering while the browser still sends would reach it as a broken connection.
      request.resume();
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(message);
    }
  }

  /** Another website can make a browser send requests here, under its own name or, once that leads here, as its own. */
  #check({ method = 'GET', headers: { host = '', origin } }: IncomingMessage): void {
    const { port } = new URL(this.url);
    const own = [`127.0.0.1:${port}`, `localhost:${port}`];
    if (!own.includes(host)) throw new Refusal(403, `This page is at ${this.url} only.`);
    const isOwn = origin === undefined || own.some((each) => origin === `http://${each}`);
    if (method !== 'GET' && method !== 'HEAD' && !isOwn)
      throw new Refusal(403, 'This page takes orders from itself only.');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url);
    const [place = '', ...rest] = pathname.slice(1).split('/').map(decoded);
    const name = rest.join('/');
    const done = () => {
      this.#feed.update();
      response.writeHead(204).end();
    };
    switch (`${request.method} /${place}`) {
      case 'GET /':
        return void response
          .writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': this.#page.policy })
          .end(this.#page.html);
      case 'GET /events':
        return this.#feed.listen(response);
      case 'GET /objects':
        return sendPicture(response, this.#desk.object(rest, searchParams.get('versionId') ?? undefined));
      case 'GET /samples':
        return sendPicture(response, this.#desk.sample(name));
      case 'POST /samples':
        this.#desk.upload(name, this.#desk.sample(name));
        return done();
      case 'PUT /uploads':
        this.#desk.upload(name, await bodyOf(request));
        return done();
      case 'POST /redrive':
        this.#desk.redrive(name);
        return done();
      case 'POST /resume':
        await this.#desk.resume();
        return done();
      case 'PUT /controls':
        await this.#desk.choose(parsed(await bodyOf(request)));
        return done();
      default:
        throw new Refusal(404, 'There is nothing here.');
    }
  }
}

/** Listens on the first port that is free. */
async function listen(server: Server, port: number): Promise<void> {
  for (let tried = 1; ; tried++, port++) {
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () => {
          server.off('error', reject);
          resolve();
        });
      });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || tried === MOST_PORTS) throw error;
    }
  }
}

/** Sends bytes of anybody's making: as a picture, if they are one. */
async function sendPicture(response: ServerResponse, bytes: Buffer): Promise<void> {
  const { mime = '' } = (await fileTypeFromBuffer(bytes)) ?? {};
  response.writeHead(200, {
    'content-type': SHOWN.includes(mime) ? mime : 'application/octet-stream',
    'content-length': bytes.length,
    'cache-control': 'no-cache',
    'content-security-policy': "default-src 'none'; sandbox",
  });
  response.end(bytes);
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES)
      throw new Refusal(413, `Files of more than ${MAX_BYTES / 1024 / 1024} MiB are not taken here.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parsed(body: Buffer): Partial<Controls> {
  try {
    return Object(JSON.parse(body.toString()));
  } catch {
    throw new Refusal(400, 'The body is not JSON.');
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Refusal(400, 'The path is not properly encoded.');
  }
}
