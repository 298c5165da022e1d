import { CutoutError, isError } from '../errors.ts';
import type { Gateway } from '../gateway/client.ts';
import { ask, type Standing } from '../gateway/polling.ts';
import type { Job } from '../job.ts';
import { logger } from '../runtime/handler.ts';
import { isTransient } from '../runtime/http-status.ts';

/** How long after its completion a result that is not there may still appear: 1 h, in milliseconds. */
const APPEARS_WITHIN_MS = 3600_000;

/**
 * Delivers from the media URLs at hand. If they fail, asks once where the results lie now, and delivers from there.
 *
 * @param deliver Is given the URLs; called a second time, it begins anew.
 * @throws ResultExpired if the gateway does not keep the results any more; otherwise what `deliver` throws
 */
export async function withRenewal<T>(
  gateway: Gateway,
  job: Job,
  deliver: (mediaUrls: string[]) => Promise<T>,
): Promise<T> {
  try {
    return await deliver(job.mediaUrls ?? []);
  } catch (error) {
    // Another URL makes no host trusted and no result smaller, and what S3 refuses has nothing to do with it.
    if (!isError(error, 'DownloadFailed', 'InvalidResult')) throw error;
    const { mediaUrls, completedAt = job.completedAt } = await renewed(gateway, job, error);
    try {
      return await deliver(mediaUrls);
    } catch (again) {
      const isGone = isError(again, 'DownloadFailed') && [404, 410].includes(again.httpStatus ?? 0);
      if (!isGone || !isOld(completedAt)) throw again;
      throw expired(`The CDN answers ${again.httpStatus} for the result`, again);
    }
  }
}

/** Where the results lie now. @throws ResultExpired, or `failure` if the gateway does not say it */
async function renewed(gateway: Gateway, job: Job, failure: CutoutError): Promise<Standing> {
  const { requestId, completedAt } = job;
  if (requestId === null) throw failure;
  const why = { errorName: failure.name, errorMessage: failure.message };
  try {
    // A request that has been completed is known, or never will be again.
    const standing = await ask(gateway, requestId, Number.POSITIVE_INFINITY);
    logger.warn('asked where the result lies now', { ...why, status: standing.status, said: standing.said });
    if (standing.status === 'COMPLETED') return standing;
  } catch (error) {
    logger.warn('asked in vain where the result lies now', { ...why, said: (error as Error).name });
    if (isError(error, 'NotFound') && isLasting(failure) && isOld(completedAt)) {
      throw expired(`The gateway does not know request ${requestId} any more`, error);
    }
  }
  throw failure;
}

/** Whether a download failed by what the server said, and not because the server had trouble or was not reached. */
function isLasting(failure: CutoutError): boolean {
  const { httpStatus } = failure;
  return isError(failure, 'InvalidResult') || (httpStatus !== undefined && !isTransient(httpStatus));
}

function isOld(completedAt = ''): boolean {
  return Date.now() - Date.parse(completedAt) >= APPEARS_WITHIN_MS;
}

function expired(what: string, cause: unknown): CutoutError {
  return new CutoutError('ResultExpired', `${what}, over an hour after it was completed`, { cause });
}
