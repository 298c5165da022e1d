import { KEYS, type Switches } from '../gateway/switches.ts';
import type { Objects } from './objects.ts';

/** The simulated gateway, as a case sets it and looks at it: by the objects of its bucket. */
export class RemoteGateway {
  readonly #objects: Objects;
  readonly #bucket: string;

  constructor(objects: Objects, bucket: string) {
    this.#objects = objects;
    this.#bucket = bucket;
  }

  /** From now on these API keys are good, and no others. */
  async setApiKeys(...keys: string[]): Promise<void> {
    await this.#objects.put(this.#bucket, KEYS.apiKeys, JSON.stringify(keys));
  }

  /** What becomes of a case's images, from now on. */
  async set(token: string, switches: Switches): Promise<void> {
    await this.#objects.put(this.#bucket, KEYS.switches(token), JSON.stringify(switches));
  }

  /** How many submissions of a case came, at most 1,000. */
  async submissions(token: string): Promise<number> {
    return (await this.#objects.list(this.#bucket, KEYS.submissions(token))).length;
  }

  /** How many of them were accepted, and would have been paid for. */
  async accepted(token: string): Promise<number> {
    return (await this.#objects.list(this.#bucket, KEYS.accepted(token))).length;
  }

  /** Whether the image of the last submission of a case that was accepted has been fetched. */
  async hasFetched(token: string): Promise<boolean> {
    const last = (await this.#objects.list(this.#bucket, KEYS.accepted(token))).at(-1);
    const accepted = last && (await this.#objects.get(this.#bucket, last));
    const { requestId } = JSON.parse(accepted?.toString() ?? '{}');
    return (await this.#objects.head(this.#bucket, KEYS.made(requestId))) !== undefined;
  }

  /** What the webhook endpoint answered to each call, in their order. */
  async callbacks(token: string): Promise<{ status?: number; forged?: boolean }[]> {
    const keys = await this.#objects.list(this.#bucket, KEYS.callbacks(token));
    const bodies = await Promise.all(keys.map((key) => this.#objects.get(this.#bucket, key)));
    return bodies.map((body) => JSON.parse(body?.toString() ?? '{}'));
  }

  /** Keeps a picture where Cutout does not look. @returns a URL by which anybody can read it */
  async photo(token: string, name: string, bytes: Uint8Array): Promise<string> {
    const key = `photos/${token}/${name}`;
    await this.#objects.put(this.#bucket, key, bytes);
    return this.#objects.url(this.#bucket, key);
  }
}
