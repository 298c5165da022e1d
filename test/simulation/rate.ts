/** Counts what happens in each second. */
export class Rate {
  readonly #perSecond = new Map<number, number>();
  readonly total: number;

  /** @param times In seconds. */
  constructor(times: number[]) {
    this.total = times.length;
    for (const time of times) {
      const second = Math.floor(time);
      this.#perSecond.set(second, (this.#perSecond.get(second) ?? 0) + 1);
    }
  }

  /** The most in any second. */
  get peak(): number {
    return Math.max(0, ...this.#perSecond.values());
  }

  /** Per second, between the first and the last one. */
  get mean(): number {
    const seconds = [...this.#perSecond.keys()];
    return this.total / (Math.max(...seconds) - Math.min(...seconds) + 1);
  }
}
