import { mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import type { AnswerListener } from '../../functions/images/fetching.ts';

/** Longest body that is kept, in characters; documented ones have under 1,000. */
const MAX_BODY = 256 * 1024;
/** Headers that nobody else may see. */
const SECRET_HEADER = /cookie|authorization|subscription-key|secret|token/i;
/** Parameters in URLs, and their values, that are or could be signatures; the time that a URL lives for is none. */
const SECRET_PARAMETER = /([?&][\w-]*(?:sig|token|credential|key|secret|policy|auth)[\w-]*=)[^&\s"'\\<>]+/gi;
/** Values this short are words or numbers, and no secrets. */
const SHORT = 6;

/** One request and what came of it. */
export interface Exchange {
  what: 'submit' | 'status' | 'download';
  request: { method: string; url: string; headers: Record<string, string>; body?: unknown };
  /** Undefined if there was none. */
  answer?: { status: number; headers: Record<string, string>; body?: unknown };
  /** Why there was no answer, or not all of it. */
  problem?: string;
  /** When the request was sent, ISO 8601; of a download unknown. */
  sentAt?: string;
  /** When the headers of the answer had come. */
  answeredAt?: string;
  /** From sending to the headers, and to the end of the body, in milliseconds. */
  headersMs?: number;
  bodyMs?: number;
}

/** Keeps what the gateway and its CDN answer: a file for each answer, without secrets. */
export class Recorder {
  readonly exchanges: Exchange[] = [];
  readonly #folder: string;
  readonly #secrets: string[];

  /**
   * Makes the folder, before anything is paid for.
   *
   * @param secrets Texts that are left out wherever they stand: the API key.
   * @param imageUrl Its query is left out likewise: it may be a signature.
   */
  constructor(folder: string, secrets: string[], imageUrl?: string) {
    this.#folder = folder;
    const all = [...secrets, ...queryOf(imageUrl).filter(({ length }) => length > SHORT)];
    // As they stand in JSON, and in URLs; what holds another one first.
    this.#secrets = all
      .flatMap((secret) => [JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), secret])
      .sort((one, other) => other.length - one.length);
    mkdirSync(folder, { recursive: true });
  }

  /** Sends a request of the gateway's client, and keeps what comes of it. */
  readonly fetch: typeof fetch = async (input, init = {}) => {
    const { method = 'GET', body } = init;
    const what = method === 'POST' ? 'submit' : 'status';
    const request = {
      ...{ method, url: String(input), headers: plainHeaders(Object.fromEntries(new Headers(init.headers))) },
      ...(body !== undefined && { body: jsonIn(String(body)) }),
    };
    const begun = performance.now();
    const elapsed = () => Math.round(performance.now() - begun);
    const exchange: Exchange = { what, request, sentAt: new Date().toISOString() };
    try {
      const response = await fetch(input, init);
      Object.assign(exchange, { headersMs: elapsed(), answeredAt: new Date().toISOString() });
      const { status } = response;
      const answer = {
        status,
        headers: plainHeaders(Object.fromEntries(response.headers)),
        body: undefined as unknown,
      };
      exchange.answer = answer;
      answer.body = jsonIn((await response.clone().text()).slice(0, MAX_BODY));
      exchange.bodyMs = elapsed();
      return response;
    } catch (error) {
      exchange.problem = reasonOf(error);
      throw error;
    } finally {
      this.#keep(exchange);
    }
  };

  /** Keeps an answer of the CDN, whose body is the result. */
  readonly onAnswer: AnswerListener = (url, { status, headers }) => {
    this.#keep({
      what: 'download',
      request: { method: 'GET', url: url.href, headers: {} },
      answer: { status, headers: plainHeaders(headers) },
      answeredAt: new Date().toISOString(),
    });
  };

  /** Writes a file. What cannot be written is said, and no reason to lose a result that is paid for. */
  #keep(exchange: Exchange): void {
    const { what, ...rest } = exchange;
    const kept: Exchange = { what, ...JSON.parse(this.#withoutSecrets(JSON.stringify(rest))) };
    this.exchanges.push(kept);
    const time = (exchange.answeredAt ?? exchange.sentAt ?? '').replace(/\W/g, '-');
    const number = String(this.exchanges.length).padStart(3, '0');
    try {
      writeFileSync(join(this.#folder, `${time}-${number}-${what}.json`), `${JSON.stringify(kept, null, 2)}\n`);
    } catch (error) {
      console.error(`! An answer could not be recorded: ${reasonOf(error)}`);
    }
  }

  #withoutSecrets(text: string): string {
    const plain = this.#secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text);
    return plain.replace(SECRET_PARAMETER, '$1[redacted]');
  }
}

/** The values in the query of a URL, as they stand there and as they are meant. */
function queryOf(url: string | undefined): string[] {
  if (url === undefined) return [];
  const { search, searchParams } = new URL(url);
  const asTheyStand = search.slice(1).split('&');
  return [...asTheyStand.map((parameter) => parameter.replace(/^[^=]*=/, '')), ...searchParams.values()];
}

function plainHeaders(headers: IncomingHttpHeaders | Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, SECRET_HEADER.test(name) ? '[redacted]' : String(value)]),
  );
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
}
