import type { S3Client } from '@aws-sdk/client-s3';
import { type ErrorName, isErrorName } from '../errors.ts';
import { deleteIfUnchanged, putIfUnchanged } from '../results/conditional-writes.ts';
import { headObject, type ObjectState } from '../results/objects.ts';

/** Why uploads are held back, and since when. */
export interface Pause {
  readonly reason: ErrorName;
  readonly since: Date;
  /** Before the submission was sent, or counted, that was refused for this reason. */
  readonly refusedAt: Date;
  /** Name of the execution that failed for this reason: the one to redrive to see whether it is over. */
  readonly execution: string;
  readonly etag: string;
}

/** Where the pause stands: beside the results, under a key that is no result's. */
export interface PausePlace {
  readonly bucket: string;
  readonly key: string;
}

/**
 * The pause of a deployment: an object in its results bucket, for as long as the gateway refuses for a reason of the
 * account. S3 takes as many looks as there are uploads, costs nothing while nothing is asked, and lets but one of many
 * that fail at once begin a pause.
 */
export class PauseObject {
  readonly #s3: S3Client;
  readonly #place: PausePlace;

  constructor(s3: S3Client, place: PausePlace) {
    this.#s3 = s3;
    this.#place = place;
  }

  /** @returns undefined if uploads are not held back */
  async look(): Promise<Pause | undefined> {
    return pauseIn(await this.#head());
  }

  /**
   * Begins a pause, or, if there is one for another reason, gives it this one.
   *
   * @param refusedAt Before the submission was sent, or counted.
   * @returns whether this began it
   */
  async begin(reason: ErrorName, execution: string, refusedAt: Date): Promise<boolean> {
    if (await this.#write(undefined, { reason, since: refusedAt, refusedAt, execution })) return true;
    const standing = await this.#head();
    const pause = pauseIn(standing);
    if (pause !== undefined && pause.reason !== reason) {
      await this.#write(standing, { reason, since: pause.since, refusedAt, execution });
    }
    return false;
  }

  /** Ends the pause that was seen; one that has begun or changed since goes on. */
  async lift({ etag }: Pause): Promise<void> {
    await deleteIfUnchanged(this.#s3, { ...this.#place, etag });
  }

  #head(): Promise<ObjectState | undefined> {
    return headObject(this.#s3, this.#place.bucket, this.#place.key);
  }

  async #write(before: ObjectState | undefined, pause: Omit<Pause, 'etag'>): Promise<boolean> {
    const { reason, since, refusedAt, execution } = pause;
    // In the metadata, which a look needs no KMS key for; the body says the same to people.
    const metadata = {
      ...{ reason, since: since.toISOString(), 'refused-at': refusedAt.toISOString() },
      execution: encodeURIComponent(execution),
    };
    const body = `${JSON.stringify({ reason, since, execution }, null, 2)}\n`;
    const etag = await putIfUnchanged(
      this.#s3,
      { ...this.#place, before, metadata },
      { body, contentType: 'application/json' },
    );
    return etag !== 'CHANGED';
  }
}

function pauseIn(object: ObjectState | undefined): Pause | undefined {
  const { reason, since = '', 'refused-at': refusedAt = since, execution = '' } = object?.metadata ?? {};
  // Not one of ours: whoever wrote it did not mean to hold anything back.
  if (object === undefined || !isErrorName(reason)) return undefined;
  const { etag } = object;
  return {
    reason,
    since: new Date(since),
    refusedAt: new Date(refusedAt),
    execution: decodeURIComponent(execution),
    etag,
  };
}

/** The place that the stack gave this function; undefined if it does not pause. */
export function pausePlaceFromEnv(): PausePlace | undefined {
  const { RESULTS_BUCKET: bucket = '', PAUSE_KEY: key } = process.env;
  return key === undefined ? undefined : { bucket, key };
}

/** How long a pause has lasted, in seconds. */
export function secondsOf({ since }: Pause): number {
  return Math.max(0, (Date.now() - since.getTime()) / 1000);
}
