import type { Case } from '../case.ts';
import type { Trial } from '../trial.ts';
import { says } from './says.ts';

/** The group of all cases of the stack's own removal: they share a pause, and the count of the day. */
export const GUARDED = 'the guarded removal';
/** What keep-pause and Lambda may take to have uploads taken from their queue again, in milliseconds. */
const INTAKE_MS = 10 * 60_000;

/** A case that begins as on a new day, whatever cases and runs before it have left: nothing is counted, nothing held back. */
export function onNewDay(run: Case['run']): Case['run'] {
  return async (trial: Trial) => {
    const { guards } = trial.target;
    await guards.forgetToday();
    await letUploadsGo(trial);
    if (await isBusy(trial)) {
      // What a case that failed has left waiting is counted, and may be refused, too.
      await trial.until('earlier uploads to end', async () => !(await isBusy(trial)) || undefined, INTAKE_MS);
      await letUploadsGo(trial);
      await guards.forgetToday();
    }
    try {
      return await run(trial);
    } finally {
      // Whatever still waits is accepted, once it comes.
      await trial.gateway({});
    }
  };
}

async function letUploadsGo(trial: Trial): Promise<void> {
  const { target } = trial;
  says(await target.command('resume', '--since', '1m'), /^(Paused since .*\n)?Uploads (go on|are not held back)/);
  // Where keep-pause is about to disable it, it enables it the next time, within five minutes.
  const isEnabled = async () => (await target.guards.intake()) === 'Enabled' || undefined;
  await trial.until('uploads to be taken from their queue', isEnabled, INTAKE_MS);
}

async function isBusy({ target }: Trial): Promise<boolean> {
  const { queueUrl, stateMachineArn } = target.places('Guarded');
  return (await target.messagesIn(queueUrl)) > 0 || (await target.executions.areRunning(stateMachineArn));
}
