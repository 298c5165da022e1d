/** Shows where something stands: in place on a terminal, elsewhere a line for each change. */
export class Progress {
  readonly #start = Date.now();
  readonly #isTerminal = process.stdout.isTTY;
  #shown = '';

  show(status: string): void {
    if (this.#isTerminal) {
      const seconds = Math.round((Date.now() - this.#start) / 1000);
      process.stdout.write(`\r\x1b[2K${status} (${seconds} s)`);
    } else if (status !== this.#shown) {
      console.log(status);
    }
    this.#shown = status;
  }

  /** Leaves the last status standing, for something else to be said. */
  end(): void {
    if (this.#isTerminal && this.#shown !== '') process.stdout.write('\n');
    this.#shown = '';
  }
}
