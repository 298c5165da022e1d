/** Waits up to this many milliseconds stay as they are: the polls', for instance. */
const SHORT_MS = 12_000;
/** What is left of a longer one. 4, 16 and 60 minutes become 12 s, 48 s and 3 min: longer than a job, as they were. */
const SHARE = 1 / 20;

/** Whether long waits are shortened: may be changed at any time, for waits that begin from then on. */
export class Shortening {
  isOn = true;
  readonly shorten = (ms: number): number => (this.isOn ? shortened(ms) : ms);
}

/** A wait that a person can sit out, in milliseconds; a longer one stays longer. */
export function shortened(ms: number): number {
  return ms <= SHORT_MS ? ms : Math.max(SHORT_MS, Math.round(ms * SHARE));
}
