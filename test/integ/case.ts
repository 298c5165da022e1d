import type { Need } from './platforms/platform.ts';
import type { Trial } from './trial.ts';

/** One thing that is tried, the same wherever the stack is. */
export interface Case {
  /** A plain sentence, without its full stop, that is true if the case succeeds. The table of claims refers to it. */
  name: string;
  /** What it takes that is not everywhere. */
  needs?: Need[];
  /** Whether `npm test` runs it, too. */
  quick?: boolean;
  /** Cases of one group are never under way at the same time. */
  group?: string;
  /** When it runs: with all others, after them and alone, or when the stack is destroyed. @default 'together' */
  when?: 'together' | 'alone' | 'last';
  /** What it does and sees; throws where that is not as it should be. @returns what else there is to know, as a text */
  run(trial: Trial): Promise<unknown>;
}

/** What came of a case. */
export interface Outcome {
  name: string;
  outcome: 'ran' | 'failed' | 'cannot run here';
  /** By AWS's own timestamps, in seconds; undefined if it has none. */
  seconds?: number | undefined;
  /** What else there is to know: why it failed, or cannot run. */
  note?: string | undefined;
}
