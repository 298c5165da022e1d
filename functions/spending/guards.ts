import type { S3Client } from '@aws-sdk/client-s3';
import { CutoutError, isError, rowOf } from '../errors.ts';
import { env } from '../runtime/env.ts';
import { logger } from '../runtime/handler.ts';
import { recordPause } from '../runtime/metrics.ts';
import { DailyLimit } from './daily-limit.ts';
import { type Pause, PauseObject, pausePlaceFromEnv } from './pause.ts';

/** Time limit of lifting a pause after a submission was accepted, in milliseconds: its answer must not be lost over it. */
const LIFT_MS = 5_000;

/** What watches over the money that submissions cost. */
class Guards {
  readonly #limit: DailyLimit | undefined;
  readonly #pause: PauseObject | undefined;

  constructor({ limit, pause }: { limit?: DailyLimit | undefined; pause?: PauseObject | undefined }) {
    this.#limit = limit;
    this.#pause = pause;
  }

  /**
   * Sends a submission if the guards allow it: counts it before, and gives the count back if it was surely refused. A
   * refusal for a reason of the account holds back uploads, an acceptance lets them go on.
   *
   * @param execution Name of the execution that submits.
   * @throws DailyLimitReached, or what `post` throws
   */
  async around<T>(execution: string, post: () => Promise<T>): Promise<T> {
    // Before the POST: only an acceptance of what was sent during a pause says that it is over, and in a healthy
    // deployment nothing stands between an acceptance and its answer.
    const pause = await this.#attempt('the pause could not be looked at', async () => this.#pause?.look());
    const startedAt = new Date();
    let day: string | undefined;
    let result: T;
    try {
      day = await this.#limit?.take();
      result = await post();
    } catch (error) {
      // Everything else was surely not accepted, or not even sent: when the API key cannot be read, for instance.
      if (!isError(error, 'OutcomeUnknown')) await this.#refused(error, { execution, day, startedAt });
      throw error;
    }
    if (pause !== undefined) await this.#accepted(pause);
    return result;
  }

  async #refused(
    error: unknown,
    { execution, day, startedAt }: { execution: string; day: string | undefined; startedAt: Date },
  ): Promise<void> {
    if (day !== undefined) {
      await this.#attempt('the count of a refused submission could not be taken back', () =>
        this.#limit?.giveBack(day),
      );
    }
    if (!(error instanceof CutoutError) || rowOf(error.name).pauses === undefined) return;
    await this.#attempt('uploads could not be held back', async () => {
      if (!(await this.#pause?.begin(error.name, execution, startedAt))) return;
      logger.warn('uploads are held back from now on', { reason: error.name });
      recordPause(error.name, 0);
    });
  }

  async #accepted(pause: Pause): Promise<void> {
    const lifted = this.#attempt('the pause could not be lifted', async () => {
      await this.#pause?.lift(pause);
      logger.info('accepted: uploads go on', { reason: pause.reason, since: pause.since });
    });
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, LIFT_MS);
    await Promise.race([lifted, late]);
    clearTimeout(timer);
  }

  /** What fails here must not take the place of what became of the submission. */
  async #attempt<T>(problem: string, work: () => Promise<T> | undefined): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      logger.warn(problem, { error: error as Error });
      return undefined;
    }
  }
}

/** The guards that the stack gave this function. */
export function guardsFromEnv(s3: S3Client): Guards {
  const place = pausePlaceFromEnv();
  const hasLimit = process.env.LIMIT_TABLE !== undefined;
  return new Guards({
    limit: hasLimit ? new DailyLimit(env('LIMIT_TABLE'), Number(env('IMAGES_PER_DAY'))) : undefined,
    pause: place && new PauseObject(s3, place),
  });
}
