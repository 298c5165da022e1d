/** What `setTimeout` gives in simulated time. */
interface Timer {
  at: number;
  /** Timers of the same moment fire in the order in which they were set. */
  order: number;
  fire: () => void;
  cancelled: boolean;
}

const RealDate = Date;
const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
/** Between two simulations: caches with an age, such as that of the API key, have always expired. */
const GAP_MS = 30 * 24 * 3600 * 1000;
let start = RealDate.UTC(2030, 0, 1);

/** Simulated time: while installed, `Date` and `setTimeout` follow it, and hours pass in milliseconds. */
export class Clock {
  readonly startedAt: number;
  now: number;
  /** A binary heap, the next timer first. */
  readonly #timers: Timer[] = [];
  #order = 0;

  constructor() {
    start += GAP_MS;
    this.startedAt = start;
    this.now = start;
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (this.now - this.startedAt) / 1000;
  }

  after(ms: number, fire: () => void): Timer {
    const at = this.now + Math.max(0, ms);
    const timer: Timer = { at, order: this.#order++, fire, cancelled: false };
    this.#push(timer);
    return timer;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Lets all timers fire, each at its time. Between two of them, all that can go on without time passing goes on. */
  async run(isBusy: () => boolean): Promise<void> {
    for (;;) {
      await quiet(isBusy);
      const next = this.#pop();
      if (next === undefined) return;
      this.now = next.at;
      next.fire();
    }
  }

  /** Puts simulated time in place of the real one. @returns what puts the real one back */
  install(): () => void {
    const now = () => this.now;
    class SimulatedDate extends RealDate {
      constructor(...given: unknown[]) {
        super(...((given.length === 0 ? [now()] : given) as [number]));
      }
      static override now(): number {
        return now();
      }
      static override [Symbol.hasInstance](value: unknown): boolean {
        return Object.prototype.toString.call(value) === '[object Date]';
      }
    }
    const setSimulated = (fire: (...given: unknown[]) => void, ms = 0, ...given: unknown[]) =>
      Object.assign(
        this.after(ms, () => fire(...given)),
        HANDLE,
      );
    const clearSimulated = (timer: Timer | undefined) => {
      if (timer) timer.cancelled = true;
    };
    const simulated = { Date: SimulatedDate, setTimeout: setSimulated, clearTimeout: clearSimulated };
    Object.assign(globalThis, simulated);
    return () => void Object.assign(globalThis, { Date: RealDate, ...real });
  }

  #push(timer: Timer): void {
    const heap = this.#timers;
    let index = heap.push(timer) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(timer, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = timer;
  }

  #pop(): Timer | undefined {
    let next = this.#shift();
    while (next?.cancelled) next = this.#shift();
    return next;
  }

  #shift(): Timer | undefined {
    const heap = this.#timers;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const [a, b] = [heap[left], heap[left + 1]];
      if (a === undefined) break;
      const child = b !== undefined && isBefore(b, a) ? b : a;
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = child === a ? left : left + 1;
    }
    heap[index] = last;
    return first;
  }
}

const HANDLE = {
  ref() {
    return this;
  },
  unref() {
    return this;
  },
  hasRef: () => true,
};

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Waits in real time until nothing more happens before time passes: promises, ticks and streams have come to rest. */
async function quiet(isBusy: () => boolean): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  for (let turns = 0; isBusy(); turns++) {
    // A handler that waits for nothing simulated reads a file, such as a module that it loads on first use.
    if (turns < 1000) await new Promise((resolve) => setImmediate(resolve));
    else if (turns < 4000) await new Promise((resolve) => real.setTimeout(resolve, 5));
    else throw new Error('A function waits for something that is not simulated');
  }
}
