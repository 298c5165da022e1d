import type { IncomingMessage, ServerResponse } from 'node:http';
import sharp from 'sharp';
import { cutOut } from './cut-out.ts';
import { refusal } from './gateway/answers.ts';
import { startCdn } from './gateway/cdn.ts';
import { type CdnRequest, PixazoGateway, type PixazoOptions, type Reply, SUBMIT_PATH } from './gateway/pixazo.ts';
import { bodyOf, decoded, headersOf, pathOf, type RunningServer, reset, send, startServer } from './gateway/server.ts';

export type {
  Answer,
  CdnBehaviour,
  JobOutcome,
  StatusBehaviour,
  SubmitBehaviour,
  WebhookBehaviour,
} from './gateway/behaviour.ts';
export type { StatusDocument } from './gateway/job.ts';
export type { Clock, WebhookCall } from './gateway/job-queue.ts';
export type { CdnRequest, GatewayEvent, StatusRequest, Submission } from './gateway/pixazo.ts';

export interface GatewayOptions extends Pick<PixazoOptions, 'apiKeys' | 'durationMs' | 'clock' | 'onEvent'> {
  /** The picture operation, for tests that need no picture. @default a stand-in for the model: see {@link cutOut} */
  cutOut?: PixazoOptions['cutOut'];
}

const STATUS_PATH = /^\/v2\/requests\/status\/([^/]+)$/;

/** A picture without EXIF, hence as its pixels are stored. */
function unturned(image: Buffer): Promise<Buffer> {
  return sharp(image).png().toBuffer();
}

/**
 * The gateway on this machine, over real HTTP. It fetches images as the real one does and serves results from a second
 * origin, as the real one's CDN is another host.
 */
export class GatewaySimulator extends PixazoGateway {
  readonly #servers: RunningServer[];

  /** Starts a gateway and its CDN, each on a free port of 127.0.0.1. */
  static async start(options: GatewayOptions): Promise<GatewaySimulator> {
    // The servers need a port before the simulator that answers for them can know its URLs.
    let simulator: GatewaySimulator | undefined;
    const started = () => {
      if (simulator === undefined) throw new Error('Not started yet');
      return simulator;
    };
    const cdn = await startCdn(
      (path) => started().media.get(path),
      (request: Omit<CdnRequest, 'at'>) => started().download(request),
    );
    const gateway = await startServer((request, response) => started().#onRequest(request, response));
    const own = { unturned, url: gateway.origin, cdnUrl: cdn.origin };
    simulator = new GatewaySimulator({ cutOut, ...options, ...own }, [gateway, cdn]);
    return simulator;
  }

  private constructor(options: PixazoOptions, servers: RunningServer[]) {
    super(options);
    this.#servers = servers;
  }

  /** Stops everything at once: jobs, webhook calls, and connections that still wait for an answer. */
  override async close(): Promise<void> {
    await super.close();
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = pathOf(request);
    const headers = headersOf(request);
    const asked = STATUS_PATH.exec(path)?.[1];
    const answer = (reply: Reply) => {
      if (reply === 'hang') return;
      if (reply === 'reset') return reset(request);
      send(response, reply);
    };
    if (request.method === 'POST' && path === SUBMIT_PATH) answer(this.submit(headers, await bodyOf(request)).reply);
    else if (request.method === 'GET' && asked !== undefined) answer(await this.status(decoded(asked), headers));
    else answer(refusal(404));
  }
}
