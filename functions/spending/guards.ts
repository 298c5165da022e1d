import { CutoutError, isError } from '../errors.ts';
import { env } from '../runtime/env.ts';
import { logger } from '../runtime/handler.ts';
import { DailyLimit } from './daily-limit.ts';

/** What watches over the money that submissions cost. */
export class Guards {
  readonly #limit: DailyLimit | undefined;

  constructor({ limit }: { limit?: DailyLimit | undefined }) {
    this.#limit = limit;
  }

  /** Sends a submission if the guards allow it. @throws DailyLimitReached, or what `post` throws */
  async around<T>(post: () => Promise<T>): Promise<T> {
    const day = await this.#limit?.take();
    try {
      return await post();
    } catch (error) {
      if (day !== undefined && isSurelyRefused(error)) await this.#giveBack(day);
      throw error;
    }
  }

  async #giveBack(day: string): Promise<void> {
    try {
      await this.#limit?.giveBack(day);
    } catch (error) {
      logger.warn('the count of a refused submission could not be taken back', { day, error: error as Error });
    }
  }
}

/** Whether a submission that failed so was surely not accepted, and so is not paid. */
function isSurelyRefused(error: unknown): boolean {
  return error instanceof CutoutError && !isError(error, 'OutcomeUnknown');
}

/** The guards that the stack gave this function. */
export function guardsFromEnv(): Guards {
  if (process.env.LIMIT_TABLE === undefined) return new Guards({});
  return new Guards({ limit: new DailyLimit(env('LIMIT_TABLE'), Number(env('IMAGES_PER_DAY'))) });
}
