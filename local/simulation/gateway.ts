import { webPage } from '../gateway/behaviour.ts';
import { type Job, modelId } from '../gateway/job.ts';
import { PixazoGateway, type Reply } from '../gateway/pixazo.ts';
import { md5, type Store } from '../s3/store.ts';
import type { Clock } from './clock.ts';
import {
  type Callback,
  type GatewayPlan,
  isUnreachable,
  ON_TIME,
  type PlannedSubmission,
  USUAL_JOB,
} from './gateway-plan.ts';
import { type Invocation, Invocations } from './invocations.ts';
import { cutoutOf, isPicture } from './pictures.ts';
import { TokenBucket } from './quotas.ts';
import { broken, careless, cutStream, responseOf } from './responses.ts';
import type { WorldEvents } from './world-events.ts';

/** A POST that reached the gateway, or was meant to. */
export interface Post {
  at: number;
  invocation: Invocation;
  /** How the gateway took it. */
  taken: PlannedSubmission;
  /** What the gateway accepted; undefined if it did not. */
  requestId: string | undefined;
  webhookUrl: string | undefined;
}

/** A POST to a webhook URL. */
export interface CallbackMade extends Callback {
  at: number;
  /** The job's own webhook URL, also where the callback went elsewhere. */
  webhookUrl: string;
  /** What the callback says, if it is what an id may be. */
  names: string | undefined;
  status: number;
  answeredAt: number;
}

export interface SimulatedGatewayOptions {
  clock: Clock;
  url: string;
  apiKey: string;
  /** Where presigned URLs lead. */
  store: Store;
  plan: GatewayPlan;
  /** What a request takes, and a download, in milliseconds. */
  requestMs: number;
  downloadMs: number;
  events: WorldEvents;
  /** POSTs to a webhook URL. @returns the status of the answer */
  callBack: (url: string, body: string | undefined) => Promise<number>;
}

const CDN = 'https://pub-0123456789abcdef.r2.dev';
/** How long a client waits for an answer that never comes, in milliseconds. */
const CLIENT_PATIENCE_MS = 20_000;

/** The gateway and its CDN behind `fetch`, in simulated time. */
export class SimulatedGateway {
  readonly posts: Post[] = [];
  /** When each poll came. */
  readonly polls: number[] = [];
  /** Callbacks that have been answered. */
  readonly callbacks: CallbackMade[] = [];
  /** Invocations that were told that there is no such request, although there is. */
  readonly misled = new Set<Invocation>();
  /** Requests to where nothing of the gateway's is. */
  readonly strayed: string[] = [];
  /** Requests that were refused because there were too many. */
  refused = 0;
  readonly #options: SimulatedGatewayOptions;
  readonly #gateway: PixazoGateway;
  readonly #rate: TokenBucket | undefined;
  #accepted = 0;
  #downloads = 0;

  constructor(options: SimulatedGatewayOptions) {
    const { clock, url, plan, apiKey } = options;
    const planned = () => plan.jobs?.[this.#accepted] ?? USUAL_JOB;
    this.#options = options;
    this.#rate = plan.rate && new TokenBucket(clock, plan.rate);
    this.#gateway = new PixazoGateway({
      ...{ url, cdnUrl: CDN, apiKeys: [apiKey] },
      durationMs: () => planned().seconds * 1000,
      newRequestId: () => `${modelId}_${String(this.#accepted + 1).padStart(6, '0')}`,
      fetchImage: async (imageUrl) => this.#fetchImage(imageUrl),
      cutOut: async (image) => {
        if (!isPicture(image)) throw new Error('not a picture');
        return cutoutOf(md5(image));
      },
    });
    // Callbacks follow a plan of their own.
    this.#gateway.always({ outcome: () => planned().outcome, webhook: 'lose' });
  }

  get jobs(): readonly Job[] {
    return this.#gateway.jobs;
  }

  /** From now on this key is good, and no other one. */
  set apiKey(key: string) {
    this.#gateway.apiKeys.clear();
    this.#gateway.apiKeys.add(key);
  }

  async fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const { clock, requestMs, downloadMs } = this.#options;
    const { origin, pathname } = new URL(url);
    const isRequest = origin === this.#gateway.url;
    const ms = isRequest ? requestMs : downloadMs;
    if (ms > 0) await clock.sleep(ms);
    if (origin === CDN) return this.#download(pathname);
    if (!isRequest) {
      this.strayed.push(url);
      return responseOf({ status: 200, body: 'nothing to see here' });
    }
    if (this.#rate?.take() === false) {
      this.refused++;
      return responseOf({ status: 429, body: 'Slow down' });
    }
    const headers = Object.fromEntries(new Headers(init.headers));
    if (init.method === 'POST') return this.#submit(headers, String(init.body));
    return this.#status(pathname.split('/').pop() ?? '', headers);
  }

  async #submit(headers: Record<string, string>, body: string): Promise<Response> {
    const { clock, plan } = this.#options;
    const { outage } = plan;
    const planned = plan.submissions?.[this.posts.length] ?? 'accept';
    const isOut = outage !== undefined && clock.seconds >= outage.at && clock.seconds < outage.at + outage.seconds;
    const behaviour = isOut ? outage.as : planned;
    const post: Post = {
      ...{ at: clock.now, invocation: Invocations.current(), taken: behaviour },
      ...{ requestId: undefined, webhookUrl: headers['x-webhook-url'] },
    };
    this.posts.push(post);
    if (isUnreachable(behaviour)) return broken(behaviour);
    this.#gateway.nextSubmits(behaviour);
    const { submission, reply } = this.#gateway.submit(headers, body);
    post.requestId = submission.requestId;
    if (submission.accepted) this.#planCallbacks(post);
    else post.taken = reply;
    return this.#answer(reply, `${submission.imageUrl} and ${post.webhookUrl}`);
  }

  async #status(requestId: string, headers: Record<string, string>): Promise<Response> {
    const { clock, plan } = this.#options;
    const planned = plan.polls?.[this.polls.length] ?? 'normal';
    this.polls.push(clock.now);
    if (isUnreachable(planned)) return broken(planned);
    if (typeof planned === 'object' && 'status' in planned && planned.status === 404) {
      this.misled.add(Invocations.current());
    }
    this.#gateway.nextStatuses(planned);
    const reply = await this.#gateway.status(requestId, headers);
    const job = this.#gateway.find(requestId);
    return this.#answer(reply, job && `${job.imageUrl} and ${job.webhookUrl}`);
  }

  async #download(path: string): Promise<Response> {
    const behaviour = this.#options.plan.downloads?.[this.#downloads++] ?? 'normal';
    if (behaviour === 'hang' || behaviour === 'reset') return this.#answer(behaviour);
    if (behaviour === 'html') return responseOf(webPage);
    if (typeof behaviour === 'object') {
      if ('status' in behaviour) return responseOf(behaviour);
      return responseOf({ status: 302, headers: { location: behaviour.redirect } });
    }
    const picture = this.#gateway.media.get(path);
    if (picture === undefined) return responseOf({ status: 404, body: 'Object not found' });
    const headers = { 'content-type': 'application/octet-stream', 'content-length': String(picture.length) };
    // So late that its type is known by then.
    const part = picture.subarray(0, picture.length - 100);
    if (behaviour === 'cut') return new Response(cutStream(part), { headers });
    return new Response(new Uint8Array(behaviour === 'ends early' ? part : picture), { headers });
  }

  #planCallbacks({ requestId = '', webhookUrl }: Post): void {
    const { plan, clock, callBack } = this.#options;
    const { seconds, outcome } = plan.jobs?.[this.#accepted] ?? USUAL_JOB;
    const callbacks = plan.callbacks?.[this.#accepted] ?? [ON_TIME];
    this.#accepted++;
    if (webhookUrl === undefined) return;
    for (const callback of callbacks) {
      const { from, path, says } = callback;
      // What never ends is never said to have ended.
      if (from === 'end' && outcome === 'NEVER') continue;
      clock.after(((from === 'end' ? seconds : 0) + callback.seconds) * 1000, async () => {
        const url = path === 'right' ? webhookUrl : webhookUrl.replace(/[^/]+$/, 'A'.repeat(43));
        const { body, names } = this.#callbackOf(says, requestId);
        const at = clock.now;
        const status = await callBack(url, body);
        this.callbacks.push({ ...callback, at, webhookUrl, names, status, answeredAt: clock.now });
      });
    }
  }

  #callbackOf(says: Callback['says'], requestId: string): { body?: string; names: string | undefined } {
    if (says === 'the truth') return { body: JSON.stringify(this.#gateway.job(requestId)), names: requestId };
    if (says === 'garbage') return { body: '{"request_id": ["', names: undefined };
    if (says === 'nothing') return { names: undefined };
    const names = says === 'no id' ? undefined : says === 'another id' ? `${requestId}-of-another` : requestId;
    const output = { media_url: ['https://evil.example'] };
    return { body: JSON.stringify({ request_id: names, status: 'COMPLETED', output }), names };
  }

  /** The picture that a presigned URL leads to by now. */
  #fetchImage(imageUrl: string): Buffer {
    const { events, store } = this.#options;
    const { hostname, pathname, searchParams } = new URL(imageUrl);
    events.emit('call', 'GetObject');
    const versionId = searchParams.get('versionId') ?? undefined;
    return store.read(hostname.split('.')[0] ?? '', decodeURIComponent(pathname.slice(1)), versionId).body;
  }

  async #answer(reply: Reply, about?: string): Promise<Response> {
    if (reply === 'reset') return broken('ECONNRESET');
    if (reply !== 'hang') return responseOf(about === undefined ? reply : careless(reply, about));
    await this.#options.clock.sleep(CLIENT_PATIENCE_MS);
    throw new DOMException('The operation was aborted due to timeout', 'TimeoutError');
  }
}
