import assert from 'node:assert/strict';
import type { Case } from '../case.ts';
import type { Trial } from '../trial.ts';
import { delivered, failedWith, madeFrom, paid, superseded } from './check.ts';
import { CAT, picture } from './pictures.ts';

/** Keys that URLs, events, policies and headers write each in their own way. */
const KEYS = [
  'a b+c%20d&e=f.jpg',
  'füße/日本語/🐈.jpg',
  "quotes'and(parens)!*~.jpg",
  '/double//slash.jpg',
  'percent%2Fslash%.jpg',
  `${'long/'.repeat(195)}${'x'.repeat(20)}.jpg`,
];

/** Looks at a queue that must find it empty: on AWS, they are a second apart. */
const LOOKS = 15;

/** What an event of an upload tells, in EventBridge's words. */
export function eventOf(bucket: string, key: string, version: { etag: string; versionId?: string | undefined }) {
  const object = { key, size: CAT.length, etag: version.etag, 'version-id': version.versionId, sequencer: '0' };
  return {
    version: '0',
    source: 'aws.s3',
    'detail-type': 'Object Created',
    detail: { bucket: { name: bucket }, object },
  };
}

async function keys(trial: Trial): Promise<string> {
  const image = await picture();
  const uploads = await Promise.all(KEYS.map((key) => trial.upload('Main', key, image)));
  for (const upload of uploads) {
    const [result] = delivered(await trial.ended(upload));
    await madeFrom(trial, result, image);
  }
  await paid(trial, KEYS.length);
  return `${KEYS.length} keys`;
}

async function overwritten(trial: Trial): Promise<void> {
  const [older, newer] = [await picture(), await picture()];
  await trial.gateway({ outcomes: ['NEVER'] });
  const first = await trial.upload('Main', 'twice.png', older);
  const execution = await trial.executionOf(first);
  await trial.entered(execution, 'Check status');
  const second = await trial.upload('Main', 'twice.png', newer);
  const [result] = delivered(await trial.ended(second));
  // Only now does the first job end.
  await trial.gateway({});
  superseded(await trial.ended(first));
  await madeFrom(trial, result, newer);
}

async function deleted(trial: Trial): Promise<void> {
  const image = await picture();
  await trial.gateway({ outcomes: ['NEVER'] });
  const upload = await trial.upload('Main', 'gone.png', image);
  await trial.executionOf(upload);
  await trial.fetched();
  await trial.target.objects.delete(upload.bucket, upload.key);
  await trial.gateway({});
  const [result] = delivered(await trial.ended(upload));
  await madeFrom(trial, result, image);
}

async function deletedForGood(trial: Trial): Promise<void> {
  const [older, newer] = [await picture(), await picture()];
  const first = await trial.upload('Main', 'restored.png', older);
  delivered(await trial.ended(first));
  await trial.gateway({ outcomes: ['COMPLETED', 'NEVER'] });
  const second = await trial.upload('Main', 'restored.png', newer);
  await trial.executionOf(second);
  await trial.until('both submissions', async () => (await trial.accepted()) === 2 || undefined);
  await trial.fetched();
  await trial.target.objects.delete(second.bucket, second.key, second.versionId);
  await trial.gateway({});
  superseded(await trial.ended(second));
  const { results } = trial.places('Main');
  const standing = { bucket: results, key: `${second.key}.png`, contentType: 'image/png', bytes: 0 };
  await madeFrom(trial, standing, older);
}

async function duplicateEvents(trial: Trial): Promise<void> {
  const { queueUrl, stateMachineArn } = trial.places('Main');
  const upload = await trial.upload('Main', 'once.jpg', CAT);
  await trial.target.sendMessage(queueUrl, eventOf(upload.bucket, upload.key, upload));
  delivered(await trial.ended(upload));
  await trial.target.sendMessage(queueUrl, eventOf(upload.bucket, upload.key, upload));
  await emptied(trial, queueUrl);
  assert.equal(
    (await trial.target.executions.named(stateMachineArn, trial.token)).length,
    1,
    'Executions of the upload',
  );
  await paid(trial, 1);
}

/** Waits until a queue is empty at several looks in a row: SQS counts about, and a message perhaps only after a while. */
async function emptied(trial: Trial, queueUrl: string): Promise<void> {
  let looks = 0;
  await trial.until('the queue to stay empty', async () => {
    looks = (await trial.target.messagesIn(queueUrl)) === 0 ? looks + 1 : 0;
    return looks === LOOKS || undefined;
  });
}

async function sameBytes(trial: Trial): Promise<void> {
  const image = await picture();
  const first = await trial.upload('Main', 'same.png', image);
  const [before] = delivered(await trial.ended(first));
  const second = await trial.upload('Main', 'same.png', image);
  // Until no other delivery can replace what stands: up to ten minutes after the upload.
  const [after] = delivered(await trial.ended(second, 15 * 60_000));
  assert.equal(after.versionId, before.versionId, 'The result that stands is the earlier one');
  await paid(trial, 1);
}

async function notAnImage(trial: Trial): Promise<void> {
  const upload = await trial.upload('Main', 'fake.jpg', 'no picture');
  failedWith(await trial.ended(upload), 'NotAnImage');
  assert.equal((await trial.errorFile(upload)).error, 'NotAnImage');
  await paid(trial, 0);
}

async function formats(trial: Trial): Promise<void> {
  const images = { 'a.jpg': CAT, 'b.png': await picture('png'), 'c.webp': await picture('webp') };
  for (const [name, image] of Object.entries(images)) {
    const [result] = delivered(await trial.ended(await trial.upload('Main', name, image)));
    await madeFrom(trial, result, image);
  }
  for (const format of ['gif', 'tiff', 'avif'] as const) {
    const upload = await trial.upload('Main', `other.${format}`, await picture(format));
    failedWith(await trial.ended(upload), 'UnsupportedFormat');
  }
  await paid(trial, 3);
}

async function twoPrefixes(trial: Trial): Promise<void> {
  const image = await picture();
  const upload = await trial.upload('Shared', 'cat.png', image);
  const [result] = delivered(await trial.ended(upload));
  assert.match(result.key, /^out\//);
  await madeFrom(trial, result, image);
  const names = await trial.target.executions.named(trial.places('Shared').stateMachineArn, trial.token);
  assert.equal(names.length, 1, 'The result was taken for an upload');
}

/** What becomes of uploads, however they come and go. */
export const UPLOADS: Case[] = [
  { name: 'An upload of any key ends in its cutout', run: keys },
  { name: 'JPEG, PNG and WebP are submitted, other formats are refused unpaid', run: formats },
  { name: 'What is not an image fails unpaid, and an error file says so', quick: true, run: notAnImage },
  {
    name: 'Of an image that is overwritten while under way, only the newer cutout is stored',
    run: overwritten,
  },
  { name: 'An image that is deleted while under way is still delivered', run: deleted },
  { name: 'A version that is deleted for good leaves the earlier cutout alone', run: deletedForGood },
  { name: 'An event that comes twice is paid once', run: duplicateEvents },
  { name: 'The same bytes uploaded again are not paid again', run: sameBytes },
  { name: 'Uploads and results share a bucket under two prefixes', quick: true, run: twoPrefixes },
];
