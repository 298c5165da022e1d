import { CutoutError, isError } from '../../functions/errors.ts';
import type { Gateway } from '../../functions/gateway/client.ts';
import { ask, waitSeconds } from '../../functions/gateway/polling.ts';
import type { AnswerListener } from '../../functions/images/fetching.ts';
import { openMedium } from '../../functions/results/medium.ts';
import { save } from './save.ts';

/** How a job passes its time, and tells of it. */
export interface Patience {
  /** Waits, in seconds. */
  sleep: (seconds: number) => Promise<void>;
  /** Shows where the job stands, in a few words. */
  show: (status: string) => void;
  /** Until when the job is waited for, in milliseconds since the epoch. */
  deadline: number;
}

/** How often what failed for the moment is tried: a submission that was surely not accepted, a download. */
const MAX_TRIES = 5;

/** Submits an image once; only what was surely not accepted is sent again. @returns the request id */
export async function submit(gateway: Gateway, imageUrl: string, patience: Patience): Promise<string> {
  const submitted = () => gateway.submit(imageUrl);
  const { requestId } = await severalTimes(submitted, (error) => isError(error, 'TooManyRequests'), patience);
  return requestId;
}

/**
 * Asks where a job stands until it has ended.
 *
 * @param submittedAt In milliseconds since the epoch; undefined if it was submitted by an earlier run.
 * @returns the addresses of its results.
 * @throws JobTimedOut, RemovalFailed, RemovalError, or what the gateway refuses a status request with
 */
export async function awaitJob(
  gateway: Gateway,
  requestId: string,
  patience: Patience,
  submittedAt?: number,
): Promise<string[]> {
  const since = submittedAt ?? Date.now();
  for (;;) {
    const ageSeconds = (Date.now() - since) / 1000;
    // A job of an earlier run is known by now, or never.
    const knownAge = submittedAt === undefined ? Number.POSITIVE_INFINITY : ageSeconds;
    const { status, said, error, mediaUrls, retryAfterSeconds } = await ask(gateway, requestId, knownAge);
    const reason = error ? `: ${error}` : '';
    if (status === 'COMPLETED') return mediaUrls;
    if (status === 'FAILED')
      throw new CutoutError('RemovalFailed', `The gateway could not remove the background${reason}`);
    if (status === 'ERROR') throw new CutoutError('RemovalError', `The gateway had a system error${reason}`);
    patience.show(said);
    const remainingSeconds = (patience.deadline - Date.now()) / 1000;
    if (remainingSeconds <= 0) throw new CutoutError('JobTimedOut', `The job is still ${said}`);
    const wait = waitSeconds({ ageSeconds, remainingSeconds, retryAfterSeconds });
    await patience.sleep(wait);
  }
}

/** A result that was saved. */
export interface Saved {
  path: string;
  bytes: number;
  contentType: string;
}

/** A result that is to be saved. */
export interface Asked {
  url: string;
  hosts: string[];
  place: 'first' | 'further';
  /** Where to, by the extension that the bytes call for. */
  pathFor: (extension: string) => string;
  /** Sees each answer of the CDN. */
  onAnswer?: AnswerListener | undefined;
}

/** Saves a result from the gateway's CDN. */
export function saveMedium({ url, hosts, place, pathFor, onAnswer }: Asked, patience: Patience): Promise<Saved> {
  const fetched = async () => {
    const { extension, contentType, bytes, cancel } = await openMedium(url, hosts, place, onAnswer);
    try {
      const path = pathFor(extension);
      return { path, bytes: await save(path, bytes), contentType };
    } finally {
      await cancel();
    }
  };
  return severalTimes(fetched, (error) => isError(error, 'DownloadFailed'), patience);
}

/** Does the work until it succeeds, fails for good, or has failed for the moment too often. */
async function severalTimes<T>(
  work: () => Promise<T>,
  passes: (error: unknown) => boolean,
  { sleep, show, deadline }: Patience,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const asked = isError(error, 'TooManyRequests') ? (error.retryAfterSeconds ?? 0) : 0;
      const seconds = Math.max(2 ** tries, asked);
      const isTooLate = Date.now() + seconds * 1000 > deadline;
      if (!passes(error) || tries === MAX_TRIES || isTooLate) throw error;
      show(`${(error as Error).name}, trying again in ${seconds} s`);
      await sleep(seconds);
    }
  }
}
