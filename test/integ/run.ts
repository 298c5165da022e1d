import type { Case, Outcome } from './case.ts';
import type { Target } from './target/target.ts';
import { Trial } from './trial.ts';

export interface RunOptions {
  /** Called with each outcome as it is known. */
  onOutcome: (outcome: Outcome) => void;
  /** Ends the run: what is under way is given up, and nothing more begins. */
  signal: AbortSignal;
}

/** Runs cases: those of one group one after the other, groups side by side, and those alone at the end. */
export async function runCases(target: Target, cases: readonly Case[], options: RunOptions): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const interrupted = interruptedBy(options.signal);
  interrupted.catch(() => 'Seen by each case that is under way.');
  const run = async (each: Case) => {
    if (options.signal.aborted) return;
    const outcome = await tried(target, each, interrupted);
    outcomes.push(outcome);
    options.onOutcome(outcome);
  };
  const together = cases.filter(({ when = 'together' }) => when === 'together');
  const lanes = [...Map.groupBy(together, ({ group, name }) => group ?? name).values()];
  // The longest lanes first, so that they do not have the end to themselves.
  lanes.sort((a, b) => b.length - a.length);
  const work = async () => {
    for (let lane = lanes.shift(); lane !== undefined; lane = lanes.shift()) for (const each of lane) await run(each);
  };
  await Promise.all(Array.from({ length: target.platform.lanes }, work));
  for (const when of ['alone', 'last'] as const) for (const each of cases) if (each.when === when) await run(each);
  return outcomes;
}

/** What comes of a case; never throws. */
async function tried(target: Target, each: Case, interrupted: Promise<never>): Promise<Outcome> {
  const { name, needs = [] } = each;
  const missing = needs.flatMap((need) => target.platform.cannot[need] ?? []);
  if (missing.length > 0) return { name, outcome: 'cannot run here', note: `because ${missing.join(', and ')}` };
  const trial = new Trial(target);
  try {
    const said = await Promise.race([each.run(trial), interrupted]);
    const note = typeof said === 'string' ? said : undefined;
    return { name, outcome: 'ran', seconds: trial.seconds, note };
  } catch (error) {
    const note = error instanceof Error ? error.message : String(error);
    return { name, outcome: 'failed', seconds: trial.seconds, note };
  }
}

/** Fails once the run is to end. */
function interruptedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const interrupt = () => reject(new Error('The run was interrupted.'));
    if (signal.aborted) interrupt();
    else signal.addEventListener('abort', interrupt, { once: true });
  });
}
