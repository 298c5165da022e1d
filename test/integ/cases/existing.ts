import assert from 'node:assert/strict';
import {
  GetBucketNotificationConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
} from '@aws-sdk/client-s3';
import type { Case } from '../case.ts';
import type { Trial } from '../trial.ts';
import { delivered, madeFrom, paid, superseded } from './check.ts';
import { picture } from './pictures.ts';

/** All of these need the bucket to send its events: the first sees to it. */
const GROUP = 'the existing bucket';

async function enableByCommand(trial: Trial): Promise<void> {
  const { output, exitCode } = await trial.target.shell(trial.target.output('EnableEventsOfExistingCommand'));
  assert.equal(exitCode, 0, output);
  const configuration = await notifications(trial);
  assert.ok(configuration.EventBridgeConfiguration, 'EventBridge is not told');
  assert.equal(configuration.QueueConfigurations?.length, 1, 'The other notifications are gone');
  await trial.upload('Existing', 'both.png', await picture());
  const url = trial.target.output('OtherNotificationsUrl');
  await trial.until('the other notification', async () => (await trial.target.messagesIn(url)) > 0 || undefined);
}

function notifications(trial: Trial) {
  const { uploads } = trial.places('Existing');
  return trial.target.clients.s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: uploads }));
}

/** Lets the bucket send its events, if the command has not: the cases below are not about it. */
async function enabled(trial: Trial): Promise<void> {
  const { $metadata: _, ...configuration } = await notifications(trial);
  if (configuration.EventBridgeConfiguration) return;
  const NotificationConfiguration = { ...configuration, EventBridgeConfiguration: {} };
  const Bucket = trial.places('Existing').uploads;
  await trial.target.clients.s3.send(
    new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration }),
  );
}

async function unversioned(trial: Trial): Promise<void> {
  await enabled(trial);
  const image = await picture();
  const upload = await trial.upload('Existing', 'cat.png', image);
  const [result] = delivered(await trial.ended(upload));
  await madeFrom(trial, result, image);
  await paid(trial, 1);
}

async function rewritten(trial: Trial): Promise<void> {
  await enabled(trial);
  const [older, newer] = [await picture(), await picture()];
  await trial.gateway({ outcomes: ['NEVER'] });
  const first = await trial.upload('Existing', 'cat.png', older);
  const execution = await trial.executionOf(first);
  await trial.entered(execution, 'Check status');
  const second = await trial.upload('Existing', 'cat.png', newer);
  const [result] = delivered(await trial.ended(second));
  await trial.gateway({});
  superseded(await trial.endOf(execution.executionArn ?? ''));
  await madeFrom(trial, result, newer);
}

async function beforeSubmission(trial: Trial): Promise<void> {
  await enabled(trial);
  const [older, newer] = [await picture(), await picture()];
  // Refused until the second picture is there.
  await trial.gateway({ submits: [{ status: 429 }, { status: 429 }] });
  const first = await trial.upload('Existing', 'soon.png', older);
  const execution = await trial.executionOf(first);
  const second = await trial.upload('Existing', 'soon.png', newer);
  const [result] = delivered(await trial.ended(second));
  const ended = await trial.endOf(execution.executionArn ?? '');
  superseded(ended);
  await madeFrom(trial, result, newer);
}

/** A bucket without versions that was there before. */
export const EXISTING: Case[] = [
  {
    name: 'The printed command lets an existing bucket send its events, and keeps its other notifications',
    needs: ['a shell with the AWS CLI', 'notifications to queues'],
    group: GROUP,
    run: enableByCommand,
  },
  { name: 'A bucket without versions is processed', group: GROUP, run: unversioned },
  { name: 'What is rewritten in place while under way is superseded', quick: true, group: GROUP, run: rewritten },
  { name: 'What is rewritten in place before it is submitted is superseded', group: GROUP, run: beforeSubmission },
];
