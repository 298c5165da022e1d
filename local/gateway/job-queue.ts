import type { JobOutcome, WebhookBehaviour } from './behaviour.ts';
import { documentOf, type Ending, type Job, newRequestId, type StatusDocument } from './job.ts';
import { callWebhook, fetchImage } from './requests.ts';

/** The time that jobs go by. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back later, unless the returned function is called before. Without it jobs only move when they are asked about. */
  after?(ms: number, run: () => void): () => void;
}

/** The clock on the wall. */
export const realClock: Clock = {
  now: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** One call of a webhook. */
export interface WebhookCall {
  requestId: string;
  url: string;
  document: StatusDocument;
  at: number;
  /** What the receiver answered. */
  status?: number;
  /** Why it got none. */
  error?: string;
}

/** What a job queue needs from around it. */
export interface JobQueueSetup {
  clock: Clock;
  /** How jobs are named. @default as the gateway's are, with the time and randomness */
  newRequestId?: (now: number) => string;
  /** Gets the picture that a job is to work on; throws why not, if it cannot. @default over HTTP */
  fetchImage?: typeof fetchImage;
  /** Works on a picture. What it says of the outcome is noted on the job. */
  cutOut(image: Buffer, say: (note: string) => void): Promise<Buffer>;
  /** The image as its pixels are stored, whatever its EXIF says, for {@link JobOutcome} UNTURNED. @default the image */
  unturned?: (image: Buffer) => Promise<Buffer>;
  /** Puts pictures where they can be downloaded and returns their URLs. */
  publish(requestId: string, picture: Buffer, count: number): string[];
  webhookBehaviour(document: StatusDocument): WebhookBehaviour;
  onEvent(
    event:
      | { type: 'processing'; requestId: string }
      | { type: 'ended'; requestId: string; status: Ending['status'] }
      | { type: 'webhook'; requestId: string; delivered: boolean },
  ): void;
}

/**
 * The jobs that were accepted. A job's state follows from its age alone, worked out whenever someone asks, so that it
 * is right at any clock; timers only make the work and the webhook happen when nobody asks.
 */
export class JobQueue {
  readonly webhookCalls: WebhookCall[] = [];
  readonly #setup: JobQueueSetup;
  readonly #jobs = new Map<string, Job>();
  readonly #calling = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(setup: JobQueueSetup) {
    this.#setup = setup;
  }

  get jobs(): readonly Job[] {
    return [...this.#jobs.values()];
  }

  get(requestId: string): Job | undefined {
    return this.#jobs.get(requestId);
  }

  /** @param durationMs From acceptance to the end. */
  add(imageUrl: string, webhookUrl: string | undefined, outcome: JobOutcome, durationMs: number): Job {
    const createdAt = this.#setup.clock.now();
    const job: Job = {
      requestId: (this.#setup.newRequestId ?? newRequestId)(createdAt),
      imageUrl,
      webhookUrl,
      createdAt,
      startsAt: createdAt + durationMs / 4,
      endsAt: outcome === 'NEVER' ? Number.POSITIVE_INFINITY : createdAt + durationMs,
      outcome,
    };
    this.#jobs.set(job.requestId, job);
    this.#setTimer(job);
    return job;
  }

  /** Brings a job to where the clock says it is. */
  async advance(job: Job): Promise<void> {
    while (job.ending === undefined) {
      const now = this.#setup.clock.now();
      if (now < job.startsAt) return;
      if (job.work === undefined) this.#setup.onEvent({ type: 'processing', requestId: job.requestId });
      job.work ??= this.#process(job);
      if (now < job.endsAt) return;

      const work = job.work;
      const ending = await work;
      if (this.#closing.signal.aborted) return;
      // Meanwhile another request may have ended it, or finish() may have given it another outcome.
      if (job.ending === undefined && job.work === work) this.#end(job, ending);
    }
  }

  /** Ends a job now. */
  async finish(job: Job, outcome: Exclude<JobOutcome, 'NEVER'>): Promise<void> {
    if (job.ending !== undefined) throw new Error(`Job ${job.requestId} has already ended: ${job.ending.status}`);
    job.cancelTimer?.();
    job.outcome = outcome;
    job.endsAt = this.#setup.clock.now();
    job.startsAt = Math.min(job.startsAt, job.endsAt);
    job.work = this.#process(job);
    await this.advance(job);
    await this.webhooksSent();
  }

  async webhooksSent(): Promise<void> {
    await Promise.all(this.#calling);
  }

  close(): void {
    this.#closing.abort();
    for (const job of this.#jobs.values()) job.cancelTimer?.();
  }

  #setTimer(job: Job): void {
    const now = this.#setup.clock.now();
    const due = now < job.startsAt ? job.startsAt : job.endsAt;
    if (due === Number.POSITIVE_INFINITY) return;
    // At least a millisecond: a timer may fire a little before the clock agrees that its time has come.
    job.cancelTimer = this.#setup.clock.after?.(Math.max(1, due - now), async () => {
      await this.advance(job);
      if (job.ending === undefined && !this.#closing.signal.aborted) this.#setTimer(job);
    });
  }

  /** Does a job's work. Never rejects: what goes wrong is how the job ends. */
  async #process(job: Job): Promise<Ending> {
    const { requestId, imageUrl, outcome } = job;
    if (outcome === 'ERROR') return { status: 'ERROR', error: 'Internal system error' };
    if (outcome === 'FAILED') return { status: 'FAILED', error: 'The model could not process the image' };
    if (typeof outcome === 'object' && 'mediaUrls' in outcome) {
      return { status: 'COMPLETED', mediaUrls: outcome.mediaUrls };
    }
    let image: Buffer;
    try {
      image = await (this.#setup.fetchImage ?? fetchImage)(imageUrl, this.#closing.signal);
    } catch (error) {
      return { status: 'FAILED', error: `Could not fetch the image: ${messageOf(error)}` };
    }
    try {
      const { unturned = async (same: Buffer) => same } = this.#setup;
      const source = outcome === 'UNTURNED' ? await unturned(image) : image;
      const picture = await this.#setup.cutOut(source, (note) => {
        job.note = note;
      });
      const count = typeof outcome === 'object' ? outcome.mediaCount : 1;
      return { status: 'COMPLETED', mediaUrls: this.#setup.publish(requestId, picture, count) };
    } catch (error) {
      return { status: 'FAILED', error: `Could not process the image: ${messageOf(error)}` };
    }
  }

  #end(job: Job, ending: Ending): void {
    job.ending = ending;
    this.#setup.onEvent({ type: 'ended', requestId: job.requestId, status: ending.status });
    if (job.webhookUrl === undefined) return;

    const document = documentOf(job, this.#setup.clock.now());
    const behaviour = this.#setup.webhookBehaviour(document);
    const times = { lose: 0, send: 1, 'send-twice': 2 }[behaviour];
    for (let time = 0; time < times; time++) {
      const calling = this.#call(job.webhookUrl, document).finally(() => this.#calling.delete(calling));
      this.#calling.add(calling);
    }
  }

  /** Calls a webhook once. A failure is noted and that is all. */
  async #call(url: string, document: StatusDocument): Promise<void> {
    const call: WebhookCall = { requestId: document.request_id, url, document, at: this.#setup.clock.now() };
    this.webhookCalls.push(call);
    try {
      call.status = await callWebhook(url, document, this.#closing.signal);
    } catch (error) {
      call.error = messageOf(error);
    }
    if (this.#closing.signal.aborted) return;
    const delivered = call.status !== undefined && call.status >= 200 && call.status < 300;
    this.#setup.onEvent({ type: 'webhook', requestId: call.requestId, delivered });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
