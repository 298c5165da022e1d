/** What a server may be told to answer in place of the truth. A string or Buffer is sent as it is, anything else as JSON. */
export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** A web page where none is expected. */
export const webPage: Answer = {
  status: 200,
  body: '<!doctype html><title>Just a moment</title><p>Please wait.</p>',
  headers: { 'content-type': 'text/html' },
};

/**
 * What becomes of a submission.
 *
 * - `accept`: what the documentation says, including 400 and 401 for a request that deserves them.
 * - an {@link Answer}: that answer, and no job. Without a body it has the documented (or a plausible) one.
 * - `html`: 200 and a web page, as from a proxy on the way. No job.
 * - `redirect`: 307 to the CDN's origin. No job. Whoever follows it hands the API key to another host.
 * - `hang`, `reset`: no answer, or a connection that breaks. No job.
 * - `no-request-id`: 202, a job, and no `request_id` to ask for it by.
 * - `accept-then-reset`, `accept-then-hang`, `accept-then-500`: a job is made, and paid for, but its id is lost.
 */
export type SubmitBehaviour =
  | 'accept'
  | 'html'
  | 'redirect'
  | 'hang'
  | 'reset'
  | 'no-request-id'
  | 'accept-then-reset'
  | 'accept-then-hang'
  | 'accept-then-500'
  | Answer;

/** What a status request is answered. `{document}` is merged over the true document, e.g. `{status: 'SOMETHING_NEW'}`. */
export type StatusBehaviour = 'normal' | 'html' | 'hang' | 'reset' | Answer | { document: Record<string, unknown> };

/**
 * How a job ends. `NEVER` stays PROCESSING. COMPLETED and `{mediaCount}` fetch the image and cut it out, and end FAILED
 * if that cannot be done; `UNTURNED` is COMPLETED by a model that ignores the EXIF orientation, as nobody knows whether the
 * gateway's does; `{mediaUrls}` is COMPLETED with these URLs, whatever they are.
 */
export type JobOutcome =
  | 'COMPLETED'
  | 'UNTURNED'
  | 'FAILED'
  | 'ERROR'
  | 'NEVER'
  | { mediaCount: number }
  | { mediaUrls: string[] };

/**
 * What a download is answered.
 *
 * - `cut`: the full Content-Length, but only half of the body.
 * - `chunked`, `close-delimited`: no Content-Length; the end is a last chunk, or the end of the connection.
 * - `gzip`: compressed, as a CDN may do for a client that says it accepts that; otherwise as usual.
 * - `html`: 200 and a web page.
 * - {@link PaddedPng}: a whole PNG of that length, made as it is sent.
 */
export type CdnBehaviour =
  | 'normal'
  | 'html'
  | 'cut'
  | 'hang'
  | 'reset'
  | 'chunked'
  | 'close-delimited'
  | 'gzip'
  | Answer
  | { redirect: string }
  | PaddedPng;

export interface PaddedPng {
  bytes: number;
  /** Sent without Content-Length. @default false */
  chunked?: boolean;
  /** Whether the connection is closed after it. @default false */
  closes?: boolean;
}

/** What becomes of a webhook call: sent once, never, or twice. */
export type WebhookBehaviour = 'send' | 'lose' | 'send-twice';

/** Behaviours in the order of the requests that they are for, and what holds once they are used up. */
export class Script<Request, Behaviour extends string | object> {
  readonly #next: Behaviour[] = [];
  #always: Behaviour | ((request: Request) => Behaviour);

  constructor(always: Behaviour) {
    this.#always = always;
  }

  next(...behaviours: Behaviour[]): void {
    this.#next.push(...behaviours);
  }

  always(behaviour: Behaviour | ((request: Request) => Behaviour)): void {
    this.#always = behaviour;
  }

  take(request: Request): Behaviour {
    return this.#next.shift() ?? (typeof this.#always === 'function' ? this.#always(request) : this.#always);
  }
}
