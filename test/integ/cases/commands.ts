import assert from 'node:assert/strict';
import type { Case } from '../case.ts';
import type { Trial } from '../trial.ts';
import { delivered, failedWith } from './check.ts';
import { GUARDED, onNewDay } from './new-day.ts';
import { picture } from './pictures.ts';
import { says } from './says.ts';

async function smoke(trial: Trial): Promise<void> {
  const said = await trial.target.command('smoke', '--out', `out/${trial.token}`);
  says(said, /✓ .*cat\.jpg → .*\n {2}s3:.*\nTook .*\nAt the gateway this cost \$0\.018\./);
  assert.match(said.output, /→ Submit.*→ Wait.*→ Check status.*→ Deliver/s);
}

async function failuresAndRedrive(trial: Trial): Promise<void> {
  // Not for a reason of the account, which would hold uploads back.
  await trial.gateway({ submits: [{ status: 400 }] });
  const upload = await trial.upload('Guarded', 'refused.png', await picture());
  const execution = await trial.ended(upload);
  failedWith(execution, 'BadRequest');
  await trial.errorFile(upload);
  const name = `s3://${upload.bucket}/${upload.key}`;
  const listed = await trial.target.command('failures', '--since', '2h');
  says(listed, /failed since/);
  const [, block = ''] = listed.output.split(name);
  assert.match(block, /^\n.*once the model is available.*\n {2}error file written/);
  says(
    await trial.target.command('redrive', '--error', 'BadRequest', '--since', '2h'),
    /Nothing was redriven. Add --go/,
  );
  says(await trial.target.command('redrive', '--error', 'BadRequest', '--since', '2h', '--go'), /redriven\./);
  delivered(await trial.endOf(execution.executionArn ?? ''));
}

async function backfill(trial: Trial): Promise<void> {
  const [{ bucket, key }] = delivered(await trial.ended(await trial.upload('Guarded', 'old.png', await picture())));
  await trial.target.objects.delete(bucket, key);
  says(await trial.target.command('backfill', '--prefix', `${trial.token}/`, '--dry-run'), /Nothing was submitted/);
  says(await trial.target.command('backfill', '--prefix', `${trial.token}/`, '--go'), /1 of 1 images done/);
  await trial.until('the result', () => trial.target.objects.get(bucket, key));
}

/** The project's own commands, which find the stack's own removal. */
export const COMMANDS: Case[] = [
  { name: 'npm run smoke sees an image through', group: GUARDED, run: onNewDay(smoke) },
  {
    name: 'npm run failures lists what failed, npm run redrive redrives it',
    group: GUARDED,
    run: onNewDay(failuresAndRedrive),
  },
  { name: 'npm run backfill counts, then submits', group: GUARDED, run: onNewDay(backfill) },
];
