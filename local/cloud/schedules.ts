/** Schedules of EventBridge's rules, of the form `rate(5 minutes)`; those of another form are not followed here. */
export class Schedules {
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #runs: (() => unknown)[] = [];

  /** Runs each of the targets when the expression says. */
  add(expression: string | undefined, targets: { Arn: string }[], run: (targetArn: string) => unknown): void {
    const minutes = Number(/^rate\((\d+) minutes?\)$/.exec(expression ?? '')?.[1]);
    if (Number.isNaN(minutes)) return;
    for (const { Arn } of targets) {
      this.#runs.push(() => run(Arn));
      this.#timers.push(setInterval(() => run(Arn), minutes * 60_000).unref());
    }
  }

  /** Runs all targets now, and waits for them. */
  async runNow(): Promise<void> {
    await Promise.all(this.#runs.map((run) => run()));
  }

  /** Takes all schedules away. */
  clear(): void {
    this.#runs.length = 0;
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }
}
