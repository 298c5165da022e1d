import type { ServerResponse } from 'node:http';

/** Between two looks whether anything has changed, in milliseconds; and so many times as long as a look takes, if that is more. */
const LOOK_MS = 100;
const TIMES_A_LOOK = 4;

/** After so many milliseconds a browser tries again to listen. */
const RETRY_MS = 500;

/** A part of the page: its id, and its whole content as it is now. */
export interface Message {
  event: 'controls' | 'row';
  id: string;
  content: unknown;
}

/** Tells browsers, by server-sent events, of what is new on the page, for as long as they listen. */
export class Feed {
  readonly #look: () => Message[];
  readonly #listeners = new Set<ServerResponse>();
  /** What the last look found, by event and id. */
  #sent: ReadonlyMap<string, string> = new Map();
  #timer: NodeJS.Timeout | undefined;

  constructor(look: () => Message[]) {
    this.#look = look;
  }

  /** Sends all there is, and then whatever changes. */
  listen(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(`retry: ${RETRY_MS}\n\n`);
    this.update();
    // What is shown no more may have changed since it was sent.
    for (const text of this.#sent.values()) response.write(text);
    this.#listeners.add(response);
    this.#timer ??= setTimeout(() => this.#lookAgain(), LOOK_MS);
    response.once('close', () => {
      this.#listeners.delete(response);
      if (this.#listeners.size === 0) this.close();
    });
  }

  /** Sends what has changed. */
  update(): void {
    const texts = new Map(this.#look().map((each) => [`${each.event} ${each.id}`, textOf(each)]));
    for (const [id, text] of texts) {
      if (this.#sent.get(id) === text) continue;
      for (const listener of this.#listeners) listener.write(text);
    }
    this.#sent = texts;
  }

  #lookAgain(): void {
    const before = performance.now();
    this.update();
    const took = performance.now() - before;
    this.#timer = setTimeout(() => this.#lookAgain(), Math.max(LOOK_MS, took * TIMES_A_LOOK));
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

function textOf({ event, content }: Message): string {
  return `event: ${event}\ndata: ${JSON.stringify(content)}\n\n`;
}
