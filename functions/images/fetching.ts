import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { addAbortSignal, type Readable } from 'node:stream';
import { CutoutError } from '../errors.ts';
import { CONNECT_ATTEMPT_MS } from '../runtime/connecting.ts';
import { whyNoImageUrl } from './url.ts';

/** How many redirects are followed, as many as curl and browsers are commonly set to at least. */
const MAX_REDIRECTS = 10;
/** Some servers refuse clients that do not say what they are. */
const USER_AGENT = 'cutout (+background removal for images in S3)';

/** An HTTP answer whose body has not been read yet. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Fails if the connection is lost before its end. To be read to its end or destroyed, which closes the connection. */
  body: Readable;
}

export interface GetOptions {
  /** Besides those that every request has. */
  headers?: Record<string, string>;
  /** Ends all of it, also a body that is being read. */
  signal: AbortSignal;
  /** Sees each answer, redirects too. @default - nobody does */
  onAnswer?: AnswerListener | undefined;
}

/** Sees an answer before its body is read. */
export type AnswerListener = (url: URL, answer: Pick<Answer, 'status' | 'headers'>) => void;

/**
 * GETs a URL that came from elsewhere: `check` sees it, and each redirect, before anything is sent there.
 *
 * Not with `fetch`: Node's dies of an assertion, which no catch sees, when a server closes the connection while the body
 * is not being read (https://github.com/nodejs/undici/issues/5360).
 *
 * @param check Throws if the URL may not be fetched.
 * @returns The first answer that is no redirect, or the one after which no more are followed.
 */
export async function guardedGet(url: string, check: (url: URL) => void, options: GetOptions): Promise<Answer> {
  let next = new URL(url);
  for (let redirects = 0; ; redirects++) {
    check(next);
    const answer = await get(next, options);
    options.onAnswer?.(next, answer);
    const { location } = answer.headers;
    const isRedirect = answer.status >= 300 && answer.status <= 399 && location !== undefined;
    if (!isRedirect || redirects === MAX_REDIRECTS || !URL.canParse(location, next.href)) return answer;
    answer.body.destroy();
    next = new URL(location, next.href);
  }
}

/** Each request has a connection of its own, closed after its answer: one that is kept dies while a function is frozen. */
const CONNECTIONS = { keepAlive: false, autoSelectFamilyAttemptTimeout: CONNECT_ATTEMPT_MS };
const agents = { http: new http.Agent(CONNECTIONS), https: new https.Agent(CONNECTIONS) };

async function get(url: URL, { headers, signal }: GetOptions): Promise<Answer> {
  const isSecure = url.protocol === 'https:';
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  // By the module object, whose function a simulation can replace.
  const request = (isSecure ? https : http).request(url, {
    agent: isSecure ? agents.https : agents.http,
    headers: { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': USER_AGENT, ...headers },
    signal,
  });
  request.once('response', resolve);
  request.on('error', reject);
  request.once('close', () => reject(new Error('the server closed the connection without an answer')));
  request.end();
  const response = await promise;
  // So that a body which is being read fails by the signal's reason, and not by that of the connection it cuts.
  addAbortSignal(signal, response);
  return { status: response.statusCode ?? 0, headers: response.headers, body: response };
}

/**
 * Refuses image URLs that this function must not be led to. Plain http would reach the Lambda runtime's own interface on
 * the loopback address; it is allowed only where the gateway itself is plain http, which is a local run.
 *
 * @throws InvalidInput
 */
export function checkImageUrl(url: URL, gatewayUrl: string): void {
  const isSecure = url.protocol === 'https:' || url.protocol === new URL(gatewayUrl).protocol;
  const problem = isSecure ? whyNoImageUrl(url.href) : `must be an https URL, not ${url.protocol}`;
  if (problem) throw new CutoutError('InvalidInput', `"imageUrl" (or where it redirects to) ${problem}`);
}
