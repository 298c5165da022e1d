import type { IncomingMessage, ServerResponse } from 'node:http';
import { cutOut } from './cut-out.ts';
import { readSubmission, refusal, withBody } from './gateway/answers.ts';
import {
  type Answer,
  type CdnBehaviour,
  type JobOutcome,
  Script,
  type StatusBehaviour,
  type SubmitBehaviour,
  type WebhookBehaviour,
} from './gateway/behaviour.ts';
import { type CdnRequest, startCdn } from './gateway/cdn.ts';
import { documentOf, modelId, type StatusDocument } from './gateway/job.ts';
import { type Clock, JobQueue, type JobQueueSetup, realClock, type WebhookCall } from './gateway/job-queue.ts';
import {
  bodyOf,
  decoded,
  headersOf,
  pathOf,
  type RunningServer,
  reset,
  send,
  startServer,
  webPage,
} from './gateway/server.ts';

export type {
  Answer,
  CdnBehaviour,
  CdnRequest,
  Clock,
  JobOutcome,
  StatusBehaviour,
  StatusDocument,
  SubmitBehaviour,
  WebhookBehaviour,
  WebhookCall,
};

/** One POST to the gateway, whatever came of it. */
export interface Submission {
  /** The job's, if one was made; even if the caller never learned of it. */
  requestId?: string;
  imageUrl: string;
  headers: Record<string, string>;
  at: number;
  accepted: boolean;
}

/** One question about a job. */
export interface StatusRequest {
  requestId: string;
  headers: Record<string, string>;
  at: number;
}

/** What goes on, for whoever wants to show it. Holds no key and no URL of an image, so it may be printed. */
export type GatewayEvent =
  | { type: 'submission'; requestId?: string; accepted: boolean }
  | { type: 'status'; requestId: string }
  | { type: 'download'; path: string }
  | Parameters<JobQueueSetup['onEvent']>[0];

export interface GatewayOptions {
  apiKeys: string[];
  /** How long a job takes, the first quarter of it QUEUED. Default: 8 seconds. */
  durationMs?: number;
  /** Default: the clock on the wall. */
  clock?: Clock;
  /** The picture operation, for tests that need no picture. */
  cutOut?: (image: Buffer) => Promise<Buffer>;
  onEvent?: (event: GatewayEvent) => void;
}

const submitPath = `/${modelId}/v1/bria-rmbg-2-0-request`;
const statusPath = /^\/v2\/requests\/status\/([^/]+)$/;

/**
 * The Pixazo gateway with Bria RMBG 2.0, on this machine: everything its documentation describes, over real HTTP, and
 * every way to fail that a client of it must expect. It fetches images as the real one does and serves results from a
 * second origin, as the real one's CDN is another host. The picture operation is a stand-in: see {@link cutOut}.
 *
 * Behaviours are scripted: `nextSubmits('reset', {status: 429})` is for the next two submissions, `always({submit: …})`
 * for all that nothing else was said about. A submission takes one behaviour, whatever it asks for; so do status
 * requests and downloads. A job takes its outcome when it is accepted, and its webhook behaviour when it ends.
 */
export class GatewaySimulator {
  /** The gateway's origin. */
  readonly url: string;
  /** The origin that results are downloaded from. */
  readonly cdnUrl: string;
  /** The keys that are good now: add and delete to rotate them. */
  readonly apiKeys: Set<string>;
  readonly submissions: Submission[] = [];
  readonly statusRequests: StatusRequest[] = [];
  readonly cdnRequests: CdnRequest[] = [];

  readonly #clock: Clock;
  readonly #onEvent: (event: GatewayEvent) => void;
  readonly #queue: JobQueue;
  readonly #servers: RunningServer[];
  readonly #scripts: Scripts;

  /** Starts a gateway and its CDN, each on a free port of 127.0.0.1. */
  static async start(options: GatewayOptions): Promise<GatewaySimulator> {
    const media = new Map<string, Buffer>();
    // The servers need a port before the simulator that answers for them can know its URLs.
    let simulator: GatewaySimulator | undefined;
    const started = () => {
      if (simulator === undefined) throw new Error('Not started yet');
      return simulator;
    };
    const cdn = await startCdn(media, (request) => started().#onDownload(request));
    const gateway = await startServer((request, response) => started().#onRequest(request, response));
    simulator = new GatewaySimulator(options, gateway, cdn, media);
    return simulator;
  }

  private constructor(options: GatewayOptions, gateway: RunningServer, cdn: RunningServer, media: Map<string, Buffer>) {
    this.url = gateway.origin;
    this.cdnUrl = cdn.origin;
    this.apiKeys = new Set(options.apiKeys);
    this.#clock = options.clock ?? realClock;
    this.#onEvent = options.onEvent ?? (() => {});
    this.#servers = [gateway, cdn];
    this.#scripts = {
      submit: new Script('accept'),
      status: new Script('normal'),
      outcome: new Script('COMPLETED'),
      download: new Script('normal'),
      webhook: new Script('send'),
    };
    this.#queue = new JobQueue({
      clock: this.#clock,
      durationMs: options.durationMs ?? 8_000,
      cutOut: options.cutOut ?? cutOut,
      publish: (requestId, picture, count) =>
        Array.from({ length: count }, (_, index) => {
          const path = `/v1/${requestId}/output${index === 0 ? '' : `-${index + 1}`}.png`;
          media.set(path, picture);
          return cdn.origin + path;
        }),
      webhookBehaviour: (document) => this.#scripts.webhook.take(document),
      onEvent: this.#onEvent,
    });
  }

  /** How many submissions became a job, whether or not the caller was told. */
  get accepted(): number {
    return this.#queue.jobs.length;
  }

  /** How many are paid for: all that were accepted, except those that ended in ERROR. */
  get charged(): number {
    return this.#queue.jobs.filter((job) => job.ending?.status !== 'ERROR').length;
  }

  /** Every webhook call made, with what came of it. */
  get webhookCalls(): readonly WebhookCall[] {
    return this.#queue.webhookCalls;
  }

  nextSubmits(...behaviours: SubmitBehaviour[]): void {
    this.#scripts.submit.next(...behaviours);
  }

  nextStatuses(...behaviours: StatusBehaviour[]): void {
    this.#scripts.status.next(...behaviours);
  }

  nextOutcomes(...outcomes: JobOutcome[]): void {
    this.#scripts.outcome.next(...outcomes);
  }

  nextDownloads(...behaviours: CdnBehaviour[]): void {
    this.#scripts.download.next(...behaviours);
  }

  nextWebhooks(...behaviours: WebhookBehaviour[]): void {
    this.#scripts.webhook.next(...behaviours);
  }

  /** What holds when no next behaviour is left: one for all, or a function that looks at the request. */
  always(behaviours: Always): void {
    if (behaviours.submit !== undefined) this.#scripts.submit.always(behaviours.submit);
    if (behaviours.status !== undefined) this.#scripts.status.always(behaviours.status);
    if (behaviours.outcome !== undefined) this.#scripts.outcome.always(behaviours.outcome);
    if (behaviours.download !== undefined) this.#scripts.download.always(behaviours.download);
    if (behaviours.webhook !== undefined) this.#scripts.webhook.always(behaviours.webhook);
  }

  /** What the status endpoint would say of a job, if it was there when last asked, timed or ticked. */
  job(requestId: string): StatusDocument | undefined {
    const job = this.#queue.get(requestId);
    return job && documentOf(job, this.#clock.now());
  }

  /** Ends a job now, whatever it was to become. Resolves when its webhook has been called too. */
  async finish(requestId: string, outcome: Exclude<JobOutcome, 'NEVER'> = 'COMPLETED'): Promise<void> {
    const job = this.#queue.get(requestId);
    if (job === undefined) throw new Error(`There is no job ${requestId}`);
    await this.#queue.finish(job, outcome);
  }

  /** Brings every job to where the clock says it is, webhooks included: for a clock that has no timers. */
  async tick(): Promise<void> {
    await Promise.all(this.#queue.jobs.map((job) => this.#queue.advance(job)));
    await this.#queue.webhooksSent();
  }

  /** Stops everything at once: jobs, webhook calls, and connections that still wait for an answer. */
  async close(): Promise<void> {
    this.#queue.close();
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  #onDownload(request: Omit<CdnRequest, 'at'>): CdnBehaviour {
    const seen: CdnRequest = { ...request, at: this.#clock.now() };
    this.cdnRequests.push(seen);
    this.#onEvent({ type: 'download', path: seen.path });
    return this.#scripts.download.take(seen);
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = pathOf(request);
    const asked = statusPath.exec(path)?.[1];
    if (request.method === 'POST' && path === submitPath) await this.#onSubmit(request, response);
    else if (request.method === 'GET' && asked !== undefined) await this.#onStatus(asked, request, response);
    else send(response, refusal(404));
  }

  async #onSubmit(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers = headersOf(request);
    const read = readSubmission(headers, await bodyOf(request));
    const imageUrl = 'imageUrl' in read ? read.imageUrl : '';
    const submission: Submission = { imageUrl, headers, at: this.#clock.now(), accepted: false };
    this.submissions.push(submission);
    const behaviour = this.#scripts.submit.take(submission);
    const answer = makesJob(behaviour) ? this.#accept(submission, read, behaviour) : behaviour;
    const { requestId, accepted } = submission;
    this.#onEvent({ type: 'submission', accepted, ...(requestId !== undefined && { requestId }) });

    if (answer === 'hang') return;
    if (answer === 'reset') return reset(request);
    if (answer === 'html') return send(response, webPage);
    if (answer === 'redirect') {
      return send(response, { status: 307, headers: { location: `${this.cdnUrl}${submitPath}` } });
    }
    send(response, withBody(answer));
  }

  /** Makes the job that a submission asks for, unless it is refused, and says what to answer. */
  #accept(
    submission: Submission,
    read: ReturnType<typeof readSubmission>,
    behaviour: JobMaking,
  ): Exclude<SubmitBehaviour, JobMaking> {
    if (!this.#knows(submission.headers)) return { status: 401 };
    if ('refused' in read) return read.refused;

    const outcome = this.#scripts.outcome.take(submission);
    const { requestId } = this.#queue.add(read.imageUrl, submission.headers['x-webhook-url'], outcome);
    submission.accepted = true;
    submission.requestId = requestId;

    if (behaviour === 'accept-then-hang') return 'hang';
    if (behaviour === 'accept-then-reset') return 'reset';
    if (behaviour === 'accept-then-500') return { status: 500 };
    if (behaviour === 'no-request-id') return { status: 202, body: { status: 'QUEUED' } };
    const polling_url = `${this.url}/v2/requests/status/${requestId}`;
    return { status: 202, body: { request_id: requestId, status: 'QUEUED', polling_url } };
  }

  async #onStatus(asked: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = decoded(asked);
    const statusRequest: StatusRequest = { requestId, headers: headersOf(request), at: this.#clock.now() };
    this.statusRequests.push(statusRequest);
    this.#onEvent({ type: 'status', requestId });
    const behaviour = this.#scripts.status.take(statusRequest);

    if (behaviour === 'hang') return;
    if (behaviour === 'reset') return reset(request);
    if (behaviour === 'html') return send(response, webPage);
    if (typeof behaviour === 'object' && 'status' in behaviour) return send(response, withBody(behaviour));
    if (!this.#knows(statusRequest.headers)) return send(response, refusal(401));
    const job = this.#queue.get(requestId);
    if (job === undefined) return send(response, refusal(404));
    await this.#queue.advance(job);
    const document = documentOf(job, this.#clock.now());
    send(response, { status: 200, body: behaviour === 'normal' ? document : { ...document, ...behaviour.document } });
  }

  #knows(headers: Record<string, string>): boolean {
    return this.apiKeys.has(headers['ocp-apim-subscription-key'] ?? '');
  }
}

/** What every behaviour is chosen by. */
interface Scripts {
  submit: Script<Submission, SubmitBehaviour>;
  status: Script<StatusRequest, StatusBehaviour>;
  outcome: Script<Submission, JobOutcome>;
  download: Script<CdnRequest, CdnBehaviour>;
  webhook: Script<StatusDocument, WebhookBehaviour>;
}

/** The standing behaviours, any of them: see {@link GatewaySimulator.always}. */
export type Always = { [Kind in keyof Scripts]?: Parameters<Scripts[Kind]['always']>[0] };

type JobMaking = 'accept' | 'no-request-id' | 'accept-then-reset' | 'accept-then-hang' | 'accept-then-500';

function makesJob(behaviour: SubmitBehaviour): behaviour is JobMaking {
  return behaviour === 'no-request-id' || (typeof behaviour === 'string' && behaviour.startsWith('accept'));
}
