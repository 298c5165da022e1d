import { randomBytes } from 'node:crypto';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { KEYS, type Switches } from './switches.ts';

/** A submission that was accepted, as it is kept. */
export interface StoredJob {
  requestId: string;
  token: string;
  imageUrl: string;
  webhookUrl?: string | undefined;
  /** Milliseconds since 1970. */
  createdAt: number;
  durationMs: number;
  /** The number of accepted submissions of its case that came before. */
  index: number;
  /** Origin of the gateway, where its results lie too. */
  origin: string;
}

/** What came of a job's image. */
export type Made = { bytes: number } | { problem: string };

/** The gateway's memory: objects of a bucket, so that no invocation needs another one. */
export class State {
  readonly #s3 = new S3Client({});
  readonly #bucket: string;

  constructor(bucket: string) {
    this.#bucket = bucket;
  }

  async apiKeys(): Promise<string[]> {
    return (await this.#read<string[]>(KEYS.apiKeys)) ?? [];
  }

  async switches(token: string): Promise<Switches> {
    return (await this.#read<Switches>(KEYS.switches(token))) ?? {};
  }

  job(requestId: string): Promise<StoredJob | undefined> {
    return this.#read<StoredJob>(KEYS.job(requestId));
  }

  made(requestId: string): Promise<Made | undefined> {
    return this.#read<Made>(KEYS.made(requestId));
  }

  saveJob(job: StoredJob): Promise<void> {
    return this.write(KEYS.job(job.requestId), job);
  }

  saveMade(requestId: string, made: Made): Promise<void> {
    return this.write(KEYS.made(requestId), made);
  }

  /** Notes that something happened. @returns how often it had before, up to 1,000 */
  async note(prefix: string, what: unknown): Promise<number> {
    const before = await this.count(prefix);
    await this.write(`${prefix}${new Date().toISOString()}-${randomBytes(4).toString('hex')}.json`, what);
    return before;
  }

  async count(prefix: string): Promise<number> {
    const { KeyCount } = await this.#s3.send(new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix }));
    return KeyCount ?? 0;
  }

  async write(key: string, content: unknown): Promise<void> {
    const Body = JSON.stringify(content);
    await this.#s3.send(
      new PutObjectCommand({ Bucket: this.#bucket, Key: key, Body, ContentType: 'application/json' }),
    );
  }

  /** Stores a result, of whatever size, as it is made. */
  async saveResult(requestId: string, picture: AsyncIterable<Buffer>): Promise<void> {
    const { Readable } = await import('node:stream');
    const params = { Bucket: this.#bucket, Key: KEYS.result(requestId), Body: Readable.from(picture) };
    await new Upload({ client: this.#s3, params }).done();
  }

  async result(requestId: string): Promise<Buffer> {
    const object = { Bucket: this.#bucket, Key: KEYS.result(requestId) };
    const { Body } = await this.#s3.send(new GetObjectCommand(object));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  }

  resultUrl(requestId: string): Promise<string> {
    return getSignedUrl(this.#s3, new GetObjectCommand({ Bucket: this.#bucket, Key: KEYS.result(requestId) }));
  }

  async #read<T>(key: string): Promise<T | undefined> {
    try {
      const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key }));
      return JSON.parse((await Body?.transformToString()) ?? 'null') ?? undefined;
    } catch (error) {
      if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
      throw error;
    }
  }
}
