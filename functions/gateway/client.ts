import * as v from 'valibot';
import { CutoutError, type ErrorName } from '../errors.ts';
import { redact } from '../runtime/redact.ts';
import { SUBMIT_PATH } from './model.ts';
import { REQUEST_ID } from './request-id.ts';

/** The documented path of the status endpoint, less the request id. */
const STATUS_PATH = '/v2/requests/status/';
/** Longest answer that is read, in bytes; documented ones have under 1 KB. */
const MAX_ANSWER_BYTES = 256 * 1024;

const RequestId = v.pipe(v.string(), v.regex(REQUEST_ID));
const Status = v.pipe(v.string(), v.nonEmpty());
/** An id is all it takes: a job that was accepted is not given up, and paid for again, because of a strange status. */
const Accepted = v.object({ request_id: RequestId, status: v.fallback(Status, 'QUEUED') });
/** What only informs never makes an answer unusable. */
const Information = v.fallback(v.nullish(v.string()), undefined);
const StatusDocument = v.object({
  request_id: RequestId,
  status: Status,
  model_id: Information,
  error: v.nullish(v.unknown()),
  output: v.nullish(
    v.object({ media_url: v.nullish(v.union([v.array(v.string()), v.string()])), media_type: Information }),
  ),
  created_at: Information,
  updated_at: Information,
  completed_at: Information,
  polling_url: Information,
});
const ErrorBody = v.object({ error: v.nullish(v.unknown()), message: v.nullish(v.unknown()) });

/** A submission that the gateway accepted. */
export interface Submission {
  requestId: string;
  status: string;
}

/** Where a job stands. */
export interface JobStatus {
  requestId: string;
  /** QUEUED, PROCESSING, COMPLETED, FAILED or ERROR; whatever else may come is passed on as it is. */
  status: string;
  modelId: string | undefined;
  /** The gateway's words, redacted. */
  error: string | undefined;
  mediaUrls: string[];
  /** The gateway's claim, often `application/octet-stream`; the bytes decide. */
  mediaType: string | undefined;
  createdAt: string | undefined;
  updatedAt: string | undefined;
  completedAt: string | undefined;
}

export interface GatewayOptions {
  /** The origin both documented paths are appended to, such as `https://gateway.pixazo.ai`. */
  url: string;
  /** Yields the API key; `fresh` asks for it anew, past any cache, because the gateway has refused the one at hand. */
  apiKey: (options?: { fresh: boolean }) => Promise<string>;
  /** Time limit of one request, from connecting to the last byte of the answer. @default 20,000 ms */
  timeoutMs?: number;
  /** What sends requests, for whoever wants to see them. @default Node's own */
  fetch?: typeof fetch;
}

/**
 * A client of the Pixazo gateway for Bria RMBG 2.0. Every failure is thrown by name: after OutcomeUnknown nobody
 * knows whether a submission was accepted; after every other one it surely was not.
 */
export class Gateway {
  readonly #origin: string;
  readonly #apiKey: GatewayOptions['apiKey'];
  readonly #timeoutMs: number;
  readonly #fetch: typeof fetch | undefined;

  constructor(options: GatewayOptions) {
    this.#origin = new URL(options.url).origin;
    this.#apiKey = options.apiKey;
    this.#timeoutMs = options.timeoutMs ?? 20_000;
    this.#fetch = options.fetch;
  }

  /**
   * Submits an image for background removal. This is what costs money, and the gateway has no idempotency key: after
   * an `OutcomeUnknown` the image may have been accepted.
   *
   * @param imageUrl A URL the gateway can GET.
   * @param options `webhookUrl` is called when the job ends.
   */
  async submit(imageUrl: string, options: { webhookUrl?: string | undefined } = {}): Promise<Submission> {
    const answer = await this.#request(SUBMIT_PATH, {
      method: 'POST',
      body: JSON.stringify({ image_url: imageUrl }),
      headers: {
        'content-type': 'application/json',
        'cache-control': 'no-cache',
        ...(options.webhookUrl !== undefined && { 'x-webhook-url': options.webhookUrl }),
      },
      // The capability in it is a secret also where the gateway quotes no more of the address.
      secrets: options.webhookUrl === undefined ? [] : [new URL(options.webhookUrl).pathname],
    });
    const { request_id, status } = answer.as(Accepted, 'a request_id');
    return { requestId: request_id, status };
  }

  /** Asks where a job stands. The URL is built from the id; a `polling_url` would take the API key elsewhere. */
  async status(requestId: string): Promise<JobStatus> {
    if (!REQUEST_ID.test(requestId)) throw new CutoutError('InvalidInput', `"${redact(requestId)}" is no request id`);
    const answer = await this.#request(STATUS_PATH + encodeURIComponent(requestId), { method: 'GET', secrets: [] });
    const document = answer.as(StatusDocument, 'a request_id and a status');
    if (document.request_id !== requestId) {
      throw new CutoutError('OutcomeUnknown', `The gateway answered for another request than ${requestId}`);
    }
    return {
      requestId,
      status: answer.without(document.status),
      modelId: document.model_id ?? undefined,
      error: answer.quote(document.error),
      mediaUrls: [document.output?.media_url ?? []].flat(),
      mediaType: document.output?.media_type ?? undefined,
      createdAt: document.created_at ?? undefined,
      updatedAt: document.updated_at ?? undefined,
      completedAt: document.completed_at ?? undefined,
    };
  }

  /** One request; after a 401, once more with a fresh key if there is another one: a refused request was not charged. */
  async #request(path: string, init: Outgoing): Promise<Answer> {
    const key = await this.#apiKey();
    const answer = await this.#send(path, init, key);
    if (answer.status !== 401) return answer.orThrow();
    const freshKey = await this.#apiKey({ fresh: true });
    return (freshKey === key ? answer : await this.#send(path, init, freshKey)).orThrow();
  }

  async #send(path: string, { secrets, ...init }: Outgoing, key: string): Promise<Answer> {
    const send = this.#fetch ?? fetch;
    try {
      const response = await send(this.#origin + path, {
        ...init,
        headers: {
          ...init.headers,
          accept: 'application/json',
          'ocp-apim-subscription-key': key,
          // A function's pooled connection dies while the function is frozen, and a POST sent into a dead connection
          // is a submission of unknown outcome. A new connection for each request cannot be dead.
          connection: 'close',
        },
        // The key goes to the configured origin only.
        redirect: 'manual',
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      return new Answer(response, await readText(response), [key, ...secrets]);
    } catch (error) {
      throw asGatewayError(error, this.#timeoutMs);
    }
  }
}

/** A request, and what of it the gateway might repeat that must not be published. */
type Outgoing = RequestInit & { secrets: readonly string[] };

/** An HTTP answer whose body has been read. */
class Answer {
  readonly status: number;
  readonly #headers: Headers;
  readonly #text: string;
  readonly #secrets: readonly string[];

  constructor(response: Response, text: string, secrets: readonly string[]) {
    this.status = response.status;
    this.#headers = response.headers;
    this.#text = text;
    this.#secrets = secrets;
  }

  /** The answer itself if it is a success. @throws the error that its status stands for. */
  orThrow(): Answer {
    if (this.status >= 200 && this.status < 300) return this;
    const body = v.safeParse(ErrorBody, this.#json());
    const said = body.success
      ? [this.quote(body.output.error), this.quote(body.output.message)].filter(Boolean).join(': ')
      : '';
    const what = `The gateway answered ${this.status}${said ? ` (${said})` : ''}`;
    const retryAfterSeconds = retryAfter(this.#headers.get('retry-after'));
    throw new CutoutError(REFUSALS[this.status] ?? 'OutcomeUnknown', what, { retryAfterSeconds });
  }

  /** The body, if it is JSON of the expected shape; unknown fields are ignored. @throws OutcomeUnknown */
  as<S extends v.GenericSchema>(schema: S, expected: string): v.InferOutput<S> {
    const result = v.safeParse(schema, this.#json());
    if (result.success) return result.output;
    const type = this.quote(this.#headers.get('content-type')) ?? 'no type';
    throw new CutoutError('OutcomeUnknown', `The gateway answered ${this.status} with ${type} and without ${expected}`);
  }

  /** The gateway's words, whatever their JSON type, fit to be quoted. */
  quote(value: unknown): string | undefined {
    if (value === undefined || value === null || value === '') return undefined;
    return redact(this.without(typeof value === 'string' ? value : textOf(value)));
  }

  /** A text without the secrets that were sent: a gateway that refuses a key may quote it. */
  without(text: string): string {
    return this.#secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text);
  }

  #json(): unknown {
    try {
      return JSON.parse(this.#text);
    } catch {
      return undefined;
    }
  }
}

/** The names of the refusals that the documentation lists; whatever else comes leaves open what became of the request. */
const REFUSALS: Partial<Record<number, ErrorName>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  402: 'InsufficientBalance',
  403: 'Forbidden',
  404: 'NotFound',
  429: 'TooManyRequests',
};

/** Codes of failures before anything was sent: refused, no such host, no connection in time. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);
/** Codes of certificates that were not accepted; nothing is sent before one is. */
const NOT_TRUSTED = /^(CERT_|ERR_TLS_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/;

function asGatewayError(error: unknown, timeoutMs: number): CutoutError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = codeOf(cause);
  if (NOT_SENT.has(code) || NOT_TRUSTED.test(code) || isConnectFailure(cause))
    return new CutoutError('GatewayUnreachable', `The gateway could not be reached (${code})`, { cause });
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new CutoutError('OutcomeUnknown', `The gateway did not answer within ${timeoutMs / 1000} s`, { cause });
  }
  return new CutoutError('OutcomeUnknown', `The connection to the gateway was lost (${code})`, { cause });
}

/**
 * Whether no connection came about: nothing was sent. The system call tells, as a host can also become unreachable after
 * the request has left. Of a host with several addresses, each attempt must have failed so.
 */
function isConnectFailure(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isConnectFailure);
  return error instanceof Error && 'syscall' in error && error.syscall === 'connect';
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.name : 'unknown';
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the body; what is cut off is no longer JSON, hence no usable answer.
    if (bytes > MAX_ANSWER_BYTES) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Seconds from now that a `Retry-After` header names, as a number or as an HTTP date. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - Date.now()) / 1000));
}

/** JSON, as far as it can be written: what was nested too deeply can be read all the same. */
function textOf(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return 'something nested too deeply';
  }
}
