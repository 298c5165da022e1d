import { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import { CutoutError } from '../errors.ts';
import { publishMetrics } from './metrics.ts';
import { redact } from './redact.ts';

/** The function's logger; level and service name come from Powertools' environment variables. */
export const logger = new Logger();

/**
 * Wraps a handler so that it fails only with a name of ours, and says so in its log.
 *
 * Anything unforeseen becomes InternalError: an unknown name would be taken for a crash by the `Retry` table.
 */
export function handlerOf<E, R>(work: (event: E) => Promise<R>): (event: E, context: Context) => Promise<R> {
  return async (event, context) => {
    logger.resetKeys();
    logger.addContext(context);
    try {
      return await work(event);
    } catch (error) {
      const named = error instanceof CutoutError ? error : asInternalError(error);
      logger.error('failed', { errorName: named.name, errorMessage: named.message, cause: describe(named.cause) });
      throw named;
    } finally {
      publishMetrics();
    }
  };
}

/** An unforeseen error, under our name. */
function asInternalError(error: unknown): CutoutError {
  return new CutoutError('InternalError', `Something unforeseen happened (${describe(error)})`, { cause: error });
}

/** Name and message of an error, without what a message may carry of URLs. */
function describe(error: unknown): string | undefined {
  if (error === undefined) return undefined;
  return redact(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
}
