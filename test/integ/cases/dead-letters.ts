import type { Case } from '../case.ts';
import type { RemovalName } from '../places.ts';
import type { Trial } from '../trial.ts';
import { failedWith } from './check.ts';
import { GUARDED, onNewDay } from './new-day.ts';
import { says } from './says.ts';
import { eventOf } from './uploads.ts';

/** Sees a dead letter through that is moved. It tells of an image that is not there, whose execution fails soon, and unpaid. */
function processed(removal: RemovalName, move: (trial: Trial) => Promise<void>): Case['run'] {
  return async (trial) => {
    const { deadLetterQueueUrl, stateMachineArn, uploads, uploadsPrefix } = trial.places(removal);
    const key = `${uploadsPrefix}${trial.token}/gone.jpg`;
    await trial.target.sendMessage(
      deadLetterQueueUrl,
      eventOf(uploads, key, { etag: 'd41d8cd98f00b204e9800998ecf8427e' }),
    );
    await move(trial);
    const arn = await trial.until('the execution of the message that was moved', async () => {
      const [first] = await trial.target.executions.named(stateMachineArn, trial.token);
      return first;
    });
    failedWith(await trial.endOf(arn), 'ImageNotFound');
  };
}

async function byApi(trial: Trial): Promise<void> {
  const { deadLetterQueueArn, queueArn } = trial.places('Main');
  await trial.target.moveMessages(deadLetterQueueArn, queueArn);
}

async function byCommand(trial: Trial): Promise<void> {
  says(await trial.target.shell(trial.target.output('MoveDeadLettersCommand')), /TaskHandle/);
}

/** Uploads whose events could not be processed at first. */
export const DEAD_LETTERS: Case[] = [
  { name: 'Dead letters that are moved back are processed', quick: true, run: processed('Main', byApi) },
  {
    name: 'The printed command moves dead letters',
    needs: ['a shell with the AWS CLI'],
    group: GUARDED,
    run: onNewDay(processed('Guarded', byCommand)),
  },
];
