/** The nth invocation of a function goes wrong. */
export interface Misfortune {
  /** Such as `on-upload`. */
  function: string;
  invocation: number;
  /** Dies at its nth call (0: before any), or that fails, or stalls; is throttled; or is done, but nobody is told. */
  how: Death | Failure | Stall | 'throttled' | 'answer lost';
}

/** A call fails, after a while, with an error that has no name of its own; it has no effect. */
export interface Failure {
  failsAtCall: number;
  seconds: number;
}

/** A function dies at a call, whose effect was or was not done; perhaps the call stalls before. */
export interface Death {
  diesAtCall: number;
  effect: 'done' | 'not done';
  seconds?: number;
}

/** A call takes so long that much else happens meanwhile. */
export interface Stall {
  stallsAtCall: number;
  seconds: number;
}

/** The nth call of an operation of AWS goes wrong. */
export interface AwsFault {
  /** Such as `PutObject`. */
  operation: string;
  nth: number;
  /** Repeated: the first answer was lost, so the SDK sent the call again. */
  as: 'throttled' | 'answer lost' | 'repeated';
}

/** What goes wrong in a world. Where a list ends, all goes well. */
export interface Faults {
  /** For each "Object Created" event in turn, after how many seconds each copy of it arrives. */
  events?: number[][];
  /** The same for the events of executions that failed. */
  failureEvents?: number[][];
  misfortunes?: Misfortune[];
  awsFaults?: AwsFault[];
}

/** Lets the nth call of an operation go wrong, whoever makes it. */
export class AwsFaults {
  readonly #faults: AwsFault[];
  readonly #counts = new Map<string, number>();

  constructor(faults: AwsFault[] = []) {
    this.#faults = faults;
  }

  /** @param repeats Whether whoever calls sends a call again whose answer was lost. */
  async answer<T>(
    operation: string,
    unavailable: () => Error,
    answer: () => T | Promise<T>,
    repeats = true,
  ): Promise<T> {
    const nth = (this.#counts.get(operation) ?? 0) + 1;
    this.#counts.set(operation, nth);
    const fault = this.#faults.find((each) => each.operation === operation && each.nth === nth)?.as;
    if (fault === 'throttled') throw unavailable();
    const result = await answer();
    if (fault === 'answer lost' || (fault === 'repeated' && !repeats))
      throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' });
    return fault === 'repeated' ? answer() : result;
  }
}
