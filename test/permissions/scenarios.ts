import type { LocalCloud } from '../../local/cloud.ts';
import type { Execution } from '../../local/step-functions.ts';
import { execute, redrive, upload } from '../pipeline-rig.ts';
import { until } from '../until.ts';
import { endPause, holdUploadsBack } from './pauses.ts';

/** Where a variant has its uploads. */
export interface Places {
  /** What uploads begin with. @default '' */
  prefix?: string;
}

const EMPTY_WALLET = { status: 402 };

/** Whatever Cutout does with AWS's services, done once: what goes well, and what has to be cleared up. */
export async function everything(cloud: LocalCloud, body: Buffer, { prefix = '' }: Places): Promise<void> {
  await deliver(cloud, body, prefix);
  await deliverInParts(cloud, body, prefix);
  await renewUrl(cloud, body, prefix);
  await failAndRedrive(cloud, body, prefix);
  await holdUploadsBack(cloud, body, prefix);
  await loseSources(cloud, body, prefix);
  await deliverAgain(cloud, prefix);
  await failAfterDelivery(cloud, prefix);
  await backfill(cloud, body, prefix);
  await stopBackfill(cloud, body, prefix);
}

async function deliver(cloud: LocalCloud, body: Buffer, prefix: string): Promise<void> {
  ended(await upload(cloud, `${prefix}cat.jpg`, body), 'SUCCEEDED');
}

/** A large result, of which the first attempt is broken off. */
async function deliverInParts(cloud: LocalCloud, body: Buffer, prefix: string): Promise<void> {
  const large = { bytes: 9 * 1024 * 1024 };
  cloud.gateway.nextDownloads(large, large);
  failNextPart(cloud);
  ended(await upload(cloud, `${prefix}large.jpg`, body), 'SUCCEEDED');
}

/** The media URL has died, and the gateway names another one. */
async function renewUrl(cloud: LocalCloud, body: Buffer, prefix: string): Promise<void> {
  cloud.gateway.nextDownloads({ status: 404 });
  ended(await upload(cloud, `${prefix}renewed.jpg`, body), 'SUCCEEDED');
}

/** The error file is written, and deleted once the image has been delivered. */
async function failAndRedrive(cloud: LocalCloud, body: Buffer, prefix: string): Promise<void> {
  cloud.gateway.nextSubmits(EMPTY_WALLET);
  const execution = await upload(cloud, `${prefix}poor.jpg`, body);
  ended(execution, 'FAILED');
  ended(await redrive(cloud, execution), 'SUCCEEDED');
}

/** What was uploaded is deleted: before anybody looked at it, before its result is there, and without a version. */
async function loseSources(cloud: LocalCloud, body: Buffer, prefix: string): Promise<void> {
  for (const bundle of ['submit', 'deliver']) {
    const key = `${prefix}deleted before ${bundle}.jpg`;
    cloud.onInvoke = (invoked) => {
      if (invoked === bundle) cloud.s3.delete(cloud.uploadsBucket, key);
      return undefined;
    };
    ended(await upload(cloud, key, body), 'SUCCEEDED');
  }
  cloud.onInvoke = undefined;
  ended(await execute(cloud, 'missing', { bucket: cloud.uploadsBucket, key: `${prefix}missing.jpg` }), 'FAILED');
}

/** An error file that was left beside a result is deleted when that result is delivered again. */
async function deliverAgain(cloud: LocalCloud, prefix: string): Promise<void> {
  const [result = ''] = cloud.s3.list(cloud.resultsBucket).filter((key) => key.endsWith('cat.jpg.png'));
  const errorFile = result.replace(/png$/, 'error.json');
  cloud.s3.put(cloud.resultsBucket, errorFile, Buffer.from('{}'));
  ended(await execute(cloud, 'again', { bucket: cloud.uploadsBucket, key: `${prefix}cat.jpg` }), 'SUCCEEDED');
  if (cloud.s3.get(cloud.resultsBucket, errorFile)) throw new Error(`${errorFile} should have been deleted`);
}

/** … and when the failure of another execution for it is reported. */
async function failAfterDelivery(cloud: LocalCloud, prefix: string): Promise<void> {
  const [result = ''] = cloud.s3.list(cloud.resultsBucket).filter((key) => key.endsWith('cat.jpg.png'));
  const errorFile = result.replace(/png$/, 'error.json');
  cloud.s3.put(cloud.resultsBucket, errorFile, Buffer.from('{}'));
  cloud.onInvoke = (bundle) =>
    bundle === 'submit' ? { errorType: 'InsufficientBalance', errorMessage: 'empty', trace: [] } : undefined;
  ended(await execute(cloud, 'late', { bucket: cloud.uploadsBucket, key: `${prefix}cat.jpg` }), 'FAILED');
  cloud.onInvoke = undefined;
  if (cloud.s3.get(cloud.resultsBucket, errorFile)) throw new Error(`${errorFile} should have been deleted`);
}

/**
 * A message that is no upload event lies among the dead letters. Of what is there, one object fails under its upload's name before, one is deleted while the backfill looks, and the
 * list of the images is so long at the first attempt that it is written in parts, and broken off.
 */
async function backfill(cloud: LocalCloud, body: Buffer, prefix: string): Promise<void> {
  const folder = `${prefix}backfill/`;
  cloud.gateway.nextSubmits(EMPTY_WALLET);
  ended(await upload(cloud, `${folder}failed.jpg`, body), 'FAILED');
  endPause(cloud);
  cloud.s3.put(cloud.uploadsBucket, `${folder}gone.jpg`, body);
  await cloud.settled();
  let list: { key: string; body: Buffer } | undefined;
  cloud.onInvoke = (bundle, event) => {
    if (bundle === 'select-images') cloud.s3.delete(cloud.uploadsBucket, `${folder}gone.jpg`);
    if (bundle !== 'plan-backfill') return undefined;
    if (list) cloud.s3.put(cloud.resultsBucket, list.key, list.body);
    else {
      list = listOf(cloud, (event as { manifestKey: string }).manifestKey);
      cloud.s3.put(cloud.resultsBucket, list.key, longList());
      failNextPart(cloud);
    }
    return undefined;
  };
  const deadLetters = [...cloud.queues.values()].find(({ arn }) => arn.includes('IntakeDeadLetterQueue'));
  deadLetters?.send('no event');
  ended(await runBackfill(cloud, { prefix: folder }), 'SUCCEEDED');
  deadLetters?.drain();
  cloud.onInvoke = undefined;
}

/** One failure more than is tolerated stops what else is under way. */
async function stopBackfill(cloud: LocalCloud, body: Buffer, prefix: string): Promise<void> {
  const folder = `${prefix}stopped/`;
  const keys = ['a.jpg', 'b.jpg'].map((name) => `${folder}${name}`);
  cloud.gateway.nextOutcomes('FAILED', 'FAILED');
  for (const key of keys) cloud.s3.put(cloud.uploadsBucket, key, body);
  await cloud.settled();
  // Of the two, one is under way when the other fails.
  cloud.gateway.nextSubmits('accept', EMPTY_WALLET);
  cloud.gateway.always({ outcome: 'NEVER' });
  const limits = { retryFailed: true, toleratedFailurePercentage: 0 };
  ended(await runBackfill(cloud, { prefix: folder, ...limits }), 'FAILED');
  cloud.gateway.always({ outcome: 'COMPLETED' });
}

async function runBackfill(cloud: LocalCloud, input: object): Promise<Execution> {
  const arn = cloud.template.output('BackfillStateMachineArn');
  const execution = cloud.stepFunctions.startOf(
    arn,
    `backfill-${cloud.stepFunctions.executions.length}`,
    JSON.stringify(input),
  );
  await until(() => execution.status !== 'RUNNING');
  await cloud.settled();
  return execution;
}

/** Refuses the next part of a multipart upload, which is then aborted. */
function failNextPart({ s3 }: LocalCloud): void {
  s3.onRequest = ({ operation }) => {
    if (operation !== 'UploadPart') return undefined;
    s3.onRequest = undefined;
    return { status: 403, code: 'AccessDenied' };
  };
}

/** What the first Map Run of a backfill has found. */
function listOf(cloud: LocalCloud, manifestKey: string): { key: string; body: Buffer } {
  const read = (key: string) => cloud.s3.get(cloud.resultsBucket, key)?.body ?? Buffer.alloc(0);
  const [file] = JSON.parse(read(manifestKey).toString()).ResultFiles.SUCCEEDED;
  return { key: file.Key, body: read(file.Key) };
}

/** More images than fit into one part of a list of them, which has 5 MiB. */
function longList(): Buffer {
  const images = Array.from({ length: 200 }, (_, index) => ({ bucket: 'photos', key: `${'k'.repeat(900)}${index}` }));
  const line = JSON.stringify({ skipped: {}, images });
  return Buffer.from(Array.from({ length: 30 }, () => line).join('\n'));
}

function ended({ name, status, error, cause }: Execution, expected: Execution['status']): void {
  if (status !== expected) throw new Error(`${name} is ${status}, not ${expected}: ${error} ${cause}`);
}
