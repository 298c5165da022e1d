import type { WaitSeconds } from './polling.ts';

/** What Check status tells the state machine by the name of what it throws. */
export type SignalName = `AskAgainIn${WaitSeconds}s` | 'SubmitAgain';

/**
 * Not a failure, but what the state machine is to do next, which it reads from the name. A loop of states would do as
 * well, for three state transitions a round; a retry is one. The CDK's own provider framework polls in this way, too.
 */
export class Signal extends Error {
  override readonly name: SignalName;
  // Lambda logs it, and where it was thrown is of no interest.
  override readonly stack: string;

  /** @param what Why, in words for people. */
  constructor(name: SignalName, what: string) {
    super(what);
    this.name = name;
    this.stack = `${name}: ${what}`;
  }
}

/** The signal to ask again after so many seconds. */
export function askAgainIn(seconds: WaitSeconds): SignalName {
  return `AskAgainIn${seconds}s`;
}

/** What the state machine does at a signal, in words for people; undefined if this is the name of none. */
export function inWords(name: string): string | undefined {
  if (name === ('SubmitAgain' satisfies SignalName)) return 'a system error at the gateway: submits again';
  const [, seconds] = /^AskAgainIn(\d+)s$/.exec(name) ?? [];
  return seconds && `still working: asks again in ${seconds} s`;
}
