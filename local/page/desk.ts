import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rowOf as rowOfError } from '../../functions/errors.ts';
import { PRICE_PER_IMAGE_USD } from '../../functions/gateway/model.ts';
import { AwsError } from '../aws-api.ts';
import type { LocalCloud } from '../cloud.ts';
import { pauseOf, resume } from '../pause.ts';
import { commandsFor } from '../ready-commands.ts';
import type { Execution } from '../step-functions.ts';
import { BadDays, DAYS } from './bad-days.ts';
import type { Controls, PauseNote } from './content.ts';
import type { Message } from './feed.ts';
import { Ledger } from './ledger.ts';
import { imagesIn, type Picture, type RowSources, rowOf } from './rows.ts';
import type { Shortening } from './shorten.ts';

const SAMPLES = join(import.meta.dirname, '../sample');
/** So many rows are shown, the newest, besides those that may still change. */
const MOST_ROWS = 100;
/** After this time, in milliseconds, nothing that an execution has left behind changes any more. */
const SETTLED_MS = 15_000;

/** A request that is not carried out. */
export class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface DeskOptions {
  /** Whether long waits of this cloud are shortened. */
  shortening: Shortening;
  /** The settings that the stack is deployed with. @default - none */
  settings?: Record<string, unknown> | undefined;
}

/** What the page shows, and what it lets one do. */
export class Desk {
  readonly #cloud: LocalCloud;
  readonly #pageUrl: string;
  readonly #shortening: Shortening;
  readonly #days: BadDays;
  readonly #sources: RowSources;
  #settings: Record<string, unknown>;
  #isDeploying = false;
  readonly #samples = samples();
  readonly #shown = new WeakSet<Execution>();
  readonly #settled = new WeakMap<Execution, { redriveCount: number; message: Message }>();

  constructor(cloud: LocalCloud, pageUrl: string, { shortening, settings = {} }: DeskOptions) {
    this.#cloud = cloud;
    this.#pageUrl = pageUrl;
    this.#shortening = shortening;
    this.#settings = settings;
    const ledger = new Ledger(cloud.gateway, () => imagesIn(cloud));
    this.#days = new BadDays(cloud.gateway, ledger);
    this.#sources = {
      cloud,
      ledger,
      addressOf,
      dayOf: (execution) => {
        const { id, title } = this.#days.dayOf(execution);
        return id === DAYS[0]?.id ? undefined : title;
      },
    };
  }

  /** All that the page shows now. */
  look(): Message[] {
    const images = imagesIn(this.#cloud);
    const rows = images.filter((each, index) => index >= images.length - MOST_ROWS || this.#mayChange(each));
    return [{ event: 'controls', id: '', content: this.#controls() }, ...rows.map((each) => this.#row(each))];
  }

  /** An object of one of the buckets. */
  object([bucket = '', ...key]: string[], versionId: string | undefined): Buffer {
    const { s3, uploadsBucket, resultsBucket } = this.#cloud;
    const isKnown = bucket === uploadsBucket || bucket === resultsBucket;
    const object = isKnown ? s3.get(bucket, key.join('/'), versionId) : undefined;
    if (object === undefined) throw new Refusal(404, 'There is no such object.');
    return object.body;
  }

  sample(name: string): Buffer {
    if (!this.#samples.includes(name)) throw new Refusal(404, 'There is no such sample.');
    return readFileSync(join(SAMPLES, name));
  }

  /** Uploads a file under a key of its own: each is an image, also a second of the same name. */
  upload(name: string, body: Buffer): void {
    if (name === '' || Buffer.byteLength(name) > 900)
      throw new Refusal(400, 'The file needs a name of at most 900 bytes.');
    const { s3, uploadsBucket } = this.#cloud;
    const prefix = this.#prefix;
    const [, stem = '', extension = ''] = /^(.*?)(\.[^.]*)?$/s.exec(name) ?? [];
    let key = prefix + name;
    for (let number = 2; s3.versions(uploadsBucket, key).length > 0; number++)
      key = `${prefix}${stem}-${number}${extension}`;
    s3.put(uploadsBucket, key, body);
  }

  redrive(name: string): void {
    const execution = imagesIn(this.#cloud).find((each) => each.name === name);
    if (!execution) throw new Refusal(404, 'There is no such execution.');
    try {
      this.#cloud.stepFunctions.redrive(execution.arn);
    } catch (error) {
      if (error instanceof AwsError) throw new Refusal(409, error.message);
      throw error;
    }
  }

  /** Lets uploads go on that are held back. */
  async resume(): Promise<void> {
    await resume(this.#cloud);
  }

  /** Sets what is given. With webhook on or off the stack is deployed again, as `cdk deploy` would. */
  async choose({ day, shorten, webhook }: Partial<Pick<Controls, 'day' | 'shorten' | 'webhook'>>): Promise<void> {
    if (day !== undefined && !this.#days.choose(day)) throw new Refusal(400, 'There is no such day.');
    if (shorten !== undefined) this.#shortening.isOn = shorten === true;
    if (webhook === undefined || webhook === this.#isWebhook) return;
    if (this.#isDeploying) throw new Refusal(409, 'The stack is being deployed.');
    this.#isDeploying = true;
    try {
      this.#settings = { ...this.#settings, webhook: webhook === true };
      await this.#cloud.deploy(this.#settings);
    } finally {
      this.#isDeploying = false;
    }
  }

  get #prefix(): string {
    return String(this.#settings.uploadsPrefix ?? '');
  }

  get #isWebhook(): boolean {
    return String(this.#settings.webhook ?? false) === 'true';
  }

  #controls(): Controls {
    const { gateway } = this.#cloud;
    return {
      webhook: this.#isWebhook,
      isDeploying: this.#isDeploying,
      shorten: this.#shortening.isOn,
      day: this.#days.today.id,
      days: DAYS.map(({ id, title, says, needsWebhook }) => ({ id, title, says, needsWebhook })),
      pause: pauseNoteOf(this.#cloud),
      samples: this.#samples,
      commands: commandsFor(this.#cloud, { pageUrl: this.#pageUrl, key: `${this.#prefix}cat.jpg` }),
      sent: gateway.submissions.length,
      paid: gateway.charged,
      pricePerImage: PRICE_PER_IMAGE_USD,
    };
  }

  /** Whether what a window shows of an execution may not be the last that there is to say of it. */
  #mayChange(execution: Execution): boolean {
    if (execution.status === 'RUNNING') return true;
    return this.#shown.has(execution) && this.#settledRow(execution) === undefined;
  }

  #settledRow(execution: Execution): Message | undefined {
    const settled = this.#settled.get(execution);
    return settled?.redriveCount === execution.redriveCount ? settled.message : undefined;
  }

  #row(execution: Execution): Message {
    this.#shown.add(execution);
    const settled = this.#settledRow(execution);
    if (settled !== undefined) return settled;
    const { redriveCount, stopDate = Number.POSITIVE_INFINITY } = execution;
    const message: Message = { event: 'row', id: execution.arn, content: rowOf(execution, this.#sources) };
    if (stopDate < Date.now() - SETTLED_MS) this.#settled.set(execution, { redriveCount, message });
    return message;
  }
}

function pauseNoteOf(cloud: LocalCloud): PauseNote | undefined {
  const pause = pauseOf(cloud);
  if (pause === undefined) return undefined;
  const { reason, waiting } = pause;
  const { remedy, pauses } = rowOfError(reason);
  return { reason, waiting, remedy, pauses };
}

/** The pictures among the samples. */
function samples(): string[] {
  return existsSync(SAMPLES) ? readdirSync(SAMPLES).filter((name) => /\.(jpe?g|png|webp)$/.test(name)) : [];
}

/** Where the page serves an object. */
function addressOf({ bucket, key, versionId }: Picture): string {
  const version = versionId === undefined ? '' : `?versionId=${encodeURIComponent(versionId)}`;
  return `/objects/${[bucket, ...key.split('/')].map(encodeURIComponent).join('/')}${version}`;
}
