import { readSubmission, refusal, withBody } from './answers.ts';
import {
  type Answer,
  type CdnBehaviour,
  type JobOutcome,
  Script,
  type StatusBehaviour,
  type SubmitBehaviour,
  type WebhookBehaviour,
  webPage,
} from './behaviour.ts';
import { documentOf, type Job, modelId, type StatusDocument } from './job.ts';
import { type Clock, JobQueue, type JobQueueSetup, realClock, type WebhookCall } from './job-queue.ts';

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

/** One request that came to the CDN. */
export interface CdnRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  at: number;
}

/** What goes on, for whoever wants to show it. Holds no key and no URL of an image, so it may be printed. */
export type GatewayEvent =
  | { type: 'submission'; requestId?: string; accepted: boolean }
  | { type: 'status'; requestId: string }
  | { type: 'download'; path: string }
  | Parameters<JobQueueSetup['onEvent']>[0];

/** How a request ends: with an answer, or without one. */
export type Reply = Answer | 'hang' | 'reset';

export interface PixazoOptions extends Pick<JobQueueSetup, 'newRequestId' | 'fetchImage' | 'cutOut' | 'unturned'> {
  apiKeys: string[];
  /** The gateway's origin. */
  url: string;
  /** The origin that results are downloaded from. */
  cdnUrl: string;
  /** How long a job takes, the first quarter of it QUEUED, in milliseconds. @default 8,000 */
  durationMs?: number | ((submission: Submission) => number) | undefined;
  /** @default the time of `Date` and `setTimeout` */
  clock?: Clock | undefined;
  onEvent?: ((event: GatewayEvent) => void) | undefined;
}

/** The documented path of a submission. */
export const SUBMIT_PATH = `/${modelId}/v1/bria-rmbg-2-0-request`;

/**
 * The Pixazo gateway with Bria RMBG 2.0, whatever carries its requests: everything that its documentation describes, and
 * every way to fail that a client of it must expect.
 *
 * Behaviours are scripted: `nextSubmits('reset', {status: 429})` is for the next two submissions, `always({submit: …})`
 * for all that nothing else was said about. A submission takes one behaviour, whatever it asks for; so do status
 * requests and downloads. A job takes its outcome when it is accepted, and its webhook behaviour when it ends.
 */
export class PixazoGateway {
  readonly url: string;
  readonly cdnUrl: string;
  /** The keys that are good now: add and delete to rotate them. */
  readonly apiKeys: Set<string>;
  readonly submissions: Submission[] = [];
  readonly statusRequests: StatusRequest[] = [];
  readonly cdnRequests: CdnRequest[] = [];
  /** Results, by their path at the CDN. */
  readonly media = new Map<string, Buffer>();

  readonly #clock: Clock;
  readonly #onEvent: (event: GatewayEvent) => void;
  readonly #durationMs: (submission: Submission) => number;
  readonly #queue: JobQueue;
  readonly #scripts: Scripts = {
    submit: new Script('accept'),
    status: new Script('normal'),
    outcome: new Script('COMPLETED'),
    download: new Script('normal'),
    webhook: new Script('send'),
  };

  constructor({ durationMs = 8_000, clock = realClock, onEvent = () => {}, ...options }: PixazoOptions) {
    this.url = options.url;
    this.cdnUrl = options.cdnUrl;
    this.apiKeys = new Set(options.apiKeys);
    this.#clock = clock;
    this.#onEvent = onEvent;
    this.#durationMs = typeof durationMs === 'number' ? () => durationMs : durationMs;
    this.#queue = new JobQueue({
      ...options,
      clock,
      publish: (requestId, picture, count) =>
        Array.from({ length: count }, (_, index) => {
          const path = `/v1/${requestId}/output${index === 0 ? '' : `-${index + 1}`}.png`;
          this.media.set(path, picture);
          return this.cdnUrl + path;
        }),
      webhookBehaviour: (document) => this.#scripts.webhook.take(document),
      onEvent,
    });
  }

  /** Submissions that became a job, whether or not the caller was told. */
  get jobs(): readonly Job[] {
    return this.#queue.jobs;
  }

  get accepted(): number {
    return this.jobs.length;
  }

  /** How many are paid for: all that were accepted, except those that ended in ERROR. */
  get charged(): number {
    return this.jobs.filter((job) => job.ending?.status !== 'ERROR').length;
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

  find(requestId: string): Job | undefined {
    return this.#queue.get(requestId);
  }

  /** What the picture operation said of a job's outcome, if it said anything. The gateway's answers do not tell. */
  noteOf(requestId: string | undefined): string | undefined {
    return requestId === undefined ? undefined : this.find(requestId)?.note;
  }

  /** What the status endpoint would say of a job, if it was there when last asked, timed or ticked. */
  job(requestId: string): StatusDocument | undefined {
    const job = this.#queue.get(requestId);
    return job && documentOf(job, this.#clock.now());
  }

  /** Ends a job now, whatever it was to become. Resolves when its webhook has been called too. */
  async finish(requestId: string, outcome: Exclude<JobOutcome, 'NEVER'> = 'COMPLETED'): Promise<void> {
    const job = this.find(requestId);
    if (job === undefined) throw new Error(`There is no job ${requestId}`);
    await this.#queue.finish(job, outcome);
  }

  /** Brings every job to where the clock says it is, webhooks included: for a clock that has no timers. */
  async tick(): Promise<void> {
    await Promise.all(this.#queue.jobs.map((job) => this.#queue.advance(job)));
    await this.#queue.webhooksSent();
  }

  /** Stops jobs and webhook calls at once. */
  async close(): Promise<void> {
    this.#queue.close();
  }

  /** A POST to {@link SUBMIT_PATH}. @param headers Names in lower case. */
  submit(headers: Record<string, string>, body: string | undefined): { submission: Submission; reply: Reply } {
    const read = readSubmission(headers, body);
    const imageUrl = 'imageUrl' in read ? read.imageUrl : '';
    const submission: Submission = { imageUrl, headers, at: this.#clock.now(), accepted: false };
    this.submissions.push(submission);
    const behaviour = this.#scripts.submit.take(submission);
    const answer = makesJob(behaviour) ? this.#accept(submission, read, behaviour) : behaviour;
    const { requestId, accepted } = submission;
    this.#onEvent({ type: 'submission', accepted, ...(requestId !== undefined && { requestId }) });
    if (answer === 'redirect') {
      return { submission, reply: { status: 307, headers: { location: `${this.cdnUrl}${SUBMIT_PATH}` } } };
    }
    return { submission, reply: replyOf(answer) };
  }

  /** A GET of a job's status. @param headers Names in lower case. */
  async status(requestId: string, headers: Record<string, string>): Promise<Reply> {
    const request: StatusRequest = { requestId, headers, at: this.#clock.now() };
    this.statusRequests.push(request);
    this.#onEvent({ type: 'status', requestId });
    const behaviour = this.#scripts.status.take(request);
    if (behaviour !== 'normal' && !(typeof behaviour === 'object' && 'document' in behaviour)) {
      return replyOf(behaviour);
    }
    if (!this.#knows(headers)) return refusal(401);
    const job = this.#queue.get(requestId);
    if (job === undefined) return refusal(404);
    await this.#queue.advance(job);
    const document = documentOf(job, this.#clock.now());
    return { status: 200, body: behaviour === 'normal' ? document : { ...document, ...behaviour.document } };
  }

  /** A request to the CDN. @returns how it is to be answered */
  download(request: Omit<CdnRequest, 'at'>): CdnBehaviour {
    const seen: CdnRequest = { ...request, at: this.#clock.now() };
    this.cdnRequests.push(seen);
    this.#onEvent({ type: 'download', path: seen.path });
    return this.#scripts.download.take(seen);
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
    const webhookUrl = submission.headers['x-webhook-url'];
    const { requestId } = this.#queue.add(read.imageUrl, webhookUrl, outcome, this.#durationMs(submission));
    submission.accepted = true;
    submission.requestId = requestId;

    if (behaviour === 'accept-then-hang') return 'hang';
    if (behaviour === 'accept-then-reset') return 'reset';
    if (behaviour === 'accept-then-500') return { status: 500 };
    if (behaviour === 'no-request-id') return { status: 202, body: { status: 'QUEUED' } };
    const polling_url = `${this.url}/v2/requests/status/${requestId}`;
    return { status: 202, body: { request_id: requestId, status: 'QUEUED', polling_url } };
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

/** The standing behaviours, any of them: see {@link PixazoGateway.always}. */
export type Always = { [Kind in keyof Scripts]?: Parameters<Scripts[Kind]['always']>[0] };

type JobMaking = 'accept' | 'no-request-id' | 'accept-then-reset' | 'accept-then-hang' | 'accept-then-500';

function makesJob(behaviour: SubmitBehaviour): behaviour is JobMaking {
  return behaviour === 'no-request-id' || (typeof behaviour === 'string' && behaviour.startsWith('accept'));
}

function replyOf(behaviour: Reply | 'html'): Reply {
  if (behaviour === 'html') return webPage;
  return typeof behaviour === 'string' ? behaviour : withBody(behaviour);
}
