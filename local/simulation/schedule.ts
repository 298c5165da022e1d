import type { Clock } from './clock.ts';

const EVERY_MS = 5 * 60_000;
/** SQS has dropped by then what waited. */
const LONGEST_MS = 13 * 24 * 3600 * 1000;

/**
 * What runs every five minutes, for as long as it has something to do: whoever made it so wakes it. Runs in which
 * nothing is done are left out, or a world would never come to rest.
 */
export class Schedule {
  readonly #clock: Clock;
  readonly #hasWork: () => boolean;
  readonly #run: () => Promise<void>;
  #isAwake = false;

  constructor(clock: Clock, hasWork: () => boolean, run: () => Promise<void>) {
    this.#clock = clock;
    this.#hasWork = hasWork;
    this.#run = run;
  }

  /** There may be something to do from now on. */
  wake(): void {
    const passed = this.#clock.now - this.#clock.startedAt;
    if (this.#isAwake || !this.#hasWork() || passed > LONGEST_MS) return;
    this.#isAwake = true;
    this.#clock.after(EVERY_MS - (passed % EVERY_MS), async () => {
      await this.#run();
      this.#isAwake = false;
      this.wake();
    });
  }
}
