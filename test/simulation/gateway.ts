import { S3Error } from '../../local/s3/errors.ts';
import type { Store } from '../../local/s3/store.ts';
import type { Clock } from './clock.ts';
import { type Invocation, Invocations } from './invocations.ts';
import { cutoutOf, isPicture } from './pictures.ts';
import {
  type Callback,
  DOUBTS,
  type Download,
  type Job,
  ON_TIME,
  type Poll,
  type Schedule,
  type Submission,
} from './schedule.ts';

/** A POST that reached the gateway, or was meant to. */
export interface Post {
  at: number;
  invocation: Invocation;
  /** The execution on whose behalf it was sent. */
  execution: string;
  taken: Submission;
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

interface AcceptedJob extends Job {
  acceptedAt: number;
  /** ETag of the picture that the gateway fetched; undefined if there was none. */
  etag: string | undefined;
  imageUrl: string;
  webhookUrl: string | undefined;
}

export interface GatewayOptions {
  clock: Clock;
  url: string;
  store: Store;
  /** The keys that are accepted now. */
  apiKey: () => string;
  schedule: Pick<Schedule, 'outage' | 'submissions' | 'jobs' | 'polls' | 'downloads' | 'webhook'>;
  /** POSTs to a webhook URL. @returns the status of the answer */
  callBack: (url: string, body: string | undefined) => Promise<number>;
}

const CDN = 'https://pub-0123456789abcdef.r2.dev';
/** How long a client waits for an answer that never comes, in milliseconds. */
const CLIENT_PATIENCE_MS = 20_000;

/** The gateway and its CDN, as documented, behind `fetch`, and the CDN also behind `request` of `node:https`. */
export class Gateway {
  readonly posts: Post[] = [];
  readonly jobs = new Map<string, AcceptedJob>();
  /** When each poll came. */
  readonly polls: number[] = [];
  /** Callbacks that have been answered. */
  readonly callbacks: CallbackMade[] = [];
  /** Invocations that were told that there is no such request, although there is. */
  readonly misled = new Set<Invocation>();
  downloads = 0;
  /** Requests to where nothing of the gateway's is. */
  readonly strayed: string[] = [];
  readonly #options: GatewayOptions;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  async fetch(url: string, init: RequestInit): Promise<Response> {
    const { origin, pathname } = new URL(url);
    const headers = new Headers(init.headers);
    if (origin === CDN) return this.#download(pathname);
    if (origin !== this.#options.url) {
      this.strayed.push(url);
      return text(200, 'nothing to see here');
    }
    const isKeyValid = headers.get('ocp-apim-subscription-key') === this.#options.apiKey();
    if (init.method === 'POST') {
      const webhookUrl = headers.get('x-webhook-url') ?? undefined;
      return this.#submit(JSON.parse(String(init.body)).image_url, webhookUrl, isKeyValid);
    }
    return this.#status(pathname.split('/').pop() ?? '', isKeyValid);
  }

  async #submit(imageUrl: string, webhookUrl: string | undefined, isKeyValid: boolean): Promise<Response> {
    const { clock, schedule } = this.#options;
    const { outage } = schedule;
    const planned = schedule.submissions[this.posts.length] ?? 'accepted';
    const isOut = outage !== undefined && clock.seconds >= outage.at && clock.seconds < outage.at + outage.seconds;
    const taken = isOut ? outage.as : isKeyValid ? planned : '401';
    const invocation = Invocations.current();
    const { execution } = invocation.event as { execution: string };
    const isAccepted = taken === 'accepted' || taken === '202 without id' || taken.endsWith('but accepted');
    const requestId = isAccepted ? this.#accept(imageUrl, webhookUrl) : undefined;
    this.posts.push({ at: clock.now, invocation, execution, taken, requestId, webhookUrl });
    switch (taken) {
      case 'accepted':
        return json(202, { request_id: requestId, status: 'QUEUED', polling_url: `${this.#options.url}/elsewhere` });
      case '202 without id':
        return json(202, { status: 'QUEUED' });
      case 'silent but accepted':
        return this.#silence();
      case 'reset but accepted':
        return broken('ECONNRESET');
      case '500 but accepted':
        return refusal(500, `${imageUrl} and ${webhookUrl}`);
      default:
        return this.#fault(taken, `${imageUrl} and ${webhookUrl}`);
    }
  }

  #accept(imageUrl: string, webhookUrl: string | undefined): string {
    const { clock, schedule } = this.#options;
    const callbacks = schedule.webhook?.[this.jobs.size] ?? [ON_TIME];
    const requestId = `bria-rmbg-2-0-682_${String(this.jobs.size + 1).padStart(6, '0')}`;
    const job = schedule.jobs[this.jobs.size] ?? { outcome: 'COMPLETED', seconds: 8 };
    const accepted: AcceptedJob = { ...job, acceptedAt: clock.now, etag: undefined, imageUrl, webhookUrl };
    this.jobs.set(requestId, accepted);
    // The image is fetched when its turn has come.
    clock.after(Math.min(job.seconds * 300, 60_000), () => {
      accepted.etag = this.#etagOf(imageUrl);
    });
    if (webhookUrl !== undefined) for (const each of callbacks) this.#plan(each, requestId, webhookUrl, job);
    return requestId;
  }

  #plan(callback: Callback, requestId: string, webhookUrl: string, { seconds, outcome }: Job): void {
    const { clock, callBack } = this.#options;
    const { from, path, says } = callback;
    // What never ends is never said to have ended.
    if (from === 'end' && outcome === 'NEVER') return;
    clock.after(((from === 'end' ? seconds : 0) + callback.seconds) * 1000, async () => {
      const url = path === 'right' ? webhookUrl : webhookUrl.replace(/[^/]+$/, 'A'.repeat(43));
      const names = { ...SILENT, 'the truth': requestId, 'another id': `${requestId}-of-another` }[says];
      const at = clock.now;
      const status = await callBack(url, bodyOf(says, names));
      this.callbacks.push({ ...callback, at, webhookUrl, names, status, answeredAt: clock.now });
    });
  }

  /** The picture that a presigned URL leads to by now. */
  #etagOf(imageUrl: string): string | undefined {
    const { hostname, pathname, searchParams } = new URL(imageUrl);
    const bucket = hostname.split('.')[0] ?? '';
    try {
      const versionId = searchParams.get('versionId') ?? undefined;
      const { etag, body } = this.#options.store.read(bucket, decodeURIComponent(pathname.slice(1)), versionId);
      return isPicture(body) ? etag : undefined;
    } catch (error) {
      if (error instanceof S3Error) return undefined;
      throw error;
    }
  }

  async #status(requestId: string, isKeyValid: boolean): Promise<Response> {
    const job = this.jobs.get(requestId);
    const planned: Poll = this.#options.schedule.polls[this.polls.length] ?? 'answered';
    this.polls.push(this.#options.clock.now);
    if (!isKeyValid) return refusal(401);
    if (planned === '404') this.misled.add(Invocations.current());
    if (planned !== 'answered' && planned !== 'unheard of') return this.#fault(planned, job?.imageUrl);
    if (job === undefined) return refusal(404);
    const known = { request_id: requestId, model_id: 'bria-rmbg-2-0-682', error: null, output: null };
    if (planned === 'unheard of') return json(200, { ...known, status: 'PAUSED' });
    const share = (this.#options.clock.now - job.acceptedAt) / (job.seconds * 1000);
    if (share < 1 || job.outcome === 'NEVER')
      return json(200, { ...known, status: share < 0.3 ? 'QUEUED' : 'PROCESSING' });
    // A careless gateway quotes the URL, which is a capability.
    if (job.outcome === 'ERROR')
      return json(200, { ...known, status: 'ERROR', error: `Failed on ${job.imageUrl} and ${job.webhookUrl}` });
    if (job.outcome === 'FAILED' || job.etag === undefined) {
      return json(200, { ...known, status: 'FAILED', error: `Cannot read ${job.imageUrl}` });
    }
    const output = { media_url: [`${CDN}/v1/${requestId}/output.png`], media_type: 'application/octet-stream' };
    return json(200, { ...known, status: 'COMPLETED', output });
  }

  async #download(pathname: string): Promise<Response> {
    const taken: Download = this.#options.schedule.downloads[this.downloads++] ?? 'whole';
    const job = this.jobs.get(pathname.split('/')[2] ?? '');
    if (job?.etag === undefined) return text(404, 'Not found');
    const body = cutoutOf(job.etag);
    const headers = { 'content-type': 'application/octet-stream', 'content-length': String(body.length) };
    const half = body.subarray(0, body.length - 100);
    switch (taken) {
      case 'whole':
        return new Response(new Uint8Array(body), { headers });
      case 'short':
        return new Response(new Uint8Array(half), { headers });
      case 'cut':
        return new Response(cutStream(half), { headers });
      case '404':
        return text(404, 'Not found');
      case 'redirect':
        return new Response(null, { status: 302, headers: { location: `${CDN}${pathname}?moved` } });
      case 'leads elsewhere':
        return new Response(null, { status: 302, headers: { location: 'http://169.254.169.254/latest/meta-data' } });
      default:
        return this.#fault(taken);
    }
  }

  async #fault(fault: Submission | Poll | Download, quotes = ''): Promise<Response> {
    switch (fault) {
      case '429':
        return text(429, 'Slow down');
      case '429 later':
        return text(429, 'Slow down', { 'retry-after': '40' });
      case 'refused':
        return broken('ECONNREFUSED');
      case 'no such host':
        return broken('ENOTFOUND');
      case 'reset':
        return broken('ECONNRESET');
      case 'silent':
        return this.#silence();
      case 'HTML':
        return text(200, '<!doctype html><title>Be right back</title>', { 'content-type': 'text/html' });
      default:
        return refusal(Number(fault), quotes);
    }
  }

  async #silence(): Promise<Response> {
    await this.#options.clock.sleep(CLIENT_PATIENCE_MS);
    throw new DOMException('The operation was aborted due to timeout', 'TimeoutError');
  }
}

const SILENT = { 'no id': undefined, garbage: undefined, nothing: undefined };

function bodyOf(says: Callback['says'], requestId: string | undefined): string | undefined {
  if (says === 'nothing') return undefined;
  if (says === 'garbage') return '{"request_id": ["';
  return JSON.stringify({
    request_id: requestId,
    status: 'COMPLETED',
    output: { media_url: ['https://evil.example'] },
  });
}

/** Whether, for all that anybody but the gateway knows, this POST may have been accepted. */
export function isDoubtful(post: Post): boolean {
  return (DOUBTS as readonly string[]).includes(post.taken) || (post.taken === 'accepted' && !post.invocation.answered);
}

function json(status: number, body: object): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
}

function text(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, { status, headers: { 'content-length': String(body.length), ...headers } });
}

function refusal(status: number, quotes = ''): Response {
  return json(status, { error: `Answer ${status}`, message: `About ${quotes}` });
}

async function broken(code: string): Promise<never> {
  throw new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });
}

function cutStream(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let isFirst = true;
  return new ReadableStream({
    pull(controller) {
      if (isFirst) controller.enqueue(new Uint8Array(bytes));
      else controller.error(new TypeError('terminated', { cause: new Error('other side closed') }));
      isFirst = false;
    },
  });
}
