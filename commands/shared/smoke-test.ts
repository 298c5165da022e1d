import { randomBytes } from 'node:crypto';
import { basename, extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  ExecutionDoesNotExist,
  type ExecutionListItem,
  paginateListExecutions,
} from '@aws-sdk/client-sfn';
import type { StoredResult } from '../../functions/contract.ts';
import { imageType } from '../../functions/images/type.ts';
import { executionName } from '../../functions/results/keys.ts';
import type { Deployment } from './deployment.ts';
import { inWords, step } from './problems.ts';
import { save } from './save.ts';

/** Between two looks for the execution, in milliseconds: far below the quota of requests. */
const LOOK_MS = 500;
/** How far the clocks here and at AWS may differ, in milliseconds. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** An object by its place. */
export interface Place {
  bucket: string;
  key: string;
}

/** Uploads a sample under a key that nobody else uses. @throws Error that says why it could not */
export async function uploadSample({ s3, buckets }: Deployment, file: string, bytes: Buffer): Promise<Place> {
  const type = await imageType(bytes);
  if (type === undefined) throw new Error(`${file} is no image by its first bytes; nothing was uploaded.`);
  const time = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const extension = /^\.[a-z0-9]{1,5}$/i.exec(extname(file))?.[0] ?? `.${type.extension}`;
  const key = `${buckets.uploadsPrefix}smoke-test-${time}-${randomBytes(4).toString('hex')}${extension}`;
  const bucket = buckets.uploadsBucket;
  const put = new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes, ContentType: type.contentType });
  await step(`upload to s3://${bucket}/${key}`, () => s3.send(put));
  return { bucket, key };
}

/**
 * Waits for the execution that an upload starts.
 *
 * @param uploadedAt In milliseconds since the epoch.
 * @returns undefined if there is none before the time limit.
 */
export async function findExecution(
  deployment: Deployment,
  upload: Place,
  { uploadedAt, timeoutMs }: { uploadedAt: number; timeoutMs: number },
): Promise<DescribeExecutionOutput | undefined> {
  // Of the name, only the end depends on what the uploader does not know.
  const readable = executionName(upload).replace(/[0-9a-f]{32}$/, '');
  const others = new Set<string>();
  for (;;) {
    for await (const { name, executionArn = '' } of executionsSince(deployment, uploadedAt - CLOCK_SKEW_MS)) {
      if (!name?.startsWith(readable) || others.has(executionArn)) continue;
      const execution = await describe(deployment, executionArn);
      // Under a long prefix, names of other uploads begin alike.
      if (execution && JSON.parse(execution.input ?? '{}').key === upload.key) return execution;
      if (execution) others.add(executionArn);
    }
    if (Date.now() - uploadedAt > timeoutMs) return undefined;
    await sleep(LOOK_MS);
  }
}

/** Newest first, until they are older than a time. */
async function* executionsSince(
  { sfn, stateMachineArn }: Deployment,
  since: number,
): AsyncGenerator<ExecutionListItem, void> {
  for await (const { executions } of paginateListExecutions({ client: sfn }, { stateMachineArn, maxResults: 1000 })) {
    for (const execution of executions ?? []) {
      if ((execution.startDate?.getTime() ?? 0) < since) return;
      yield execution;
    }
  }
}

/** An execution; undefined if it is listed, but not known everywhere yet. */
export async function describe({ sfn }: Deployment, arn: string): Promise<DescribeExecutionOutput | undefined> {
  try {
    return await sfn.send(new DescribeExecutionCommand({ executionArn: arn }));
  } catch (error) {
    if (error instanceof ExecutionDoesNotExist) return undefined;
    throw error;
  }
}

/** A result that was downloaded. */
export interface Download extends Place {
  path: string;
  bytes: number;
  contentType: string;
}

/** Downloads a result beside the others of the same file. @throws Error if it is no image, or could not be read */
export async function download(
  { s3 }: Deployment,
  { bucket, key, versionId }: StoredResult,
  { file, out, index }: { file: string; out: string; index: number },
): Promise<Download> {
  const where = `s3://${bucket}/${key}`;
  const bytes = await step(`download ${where}`, async () => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }));
    return (await Body?.transformToByteArray()) ?? new Uint8Array();
  });
  const type = await imageType(bytes);
  if (type === undefined) throw new Error(`${where} is no image by its own bytes.`);
  const path = join(out, `${basename(file)}${index === 0 ? '' : `-${index + 1}`}.${type.extension}`);
  await save(path, [bytes]);
  return { bucket, key, path, bytes: bytes.length, contentType: type.contentType };
}

/** Deletes what the smoke test made; what cannot be deleted is said, and is no failure of the pipeline. */
export async function cleanUp({ s3 }: Deployment, places: Place[]): Promise<void> {
  for (const { bucket, key } of places) {
    try {
      await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
      console.log(`Removed s3://${bucket}/${key}`);
    } catch (error) {
      console.error(`Not removed: s3://${bucket}/${key}. ${inWords(error)}`);
    }
  }
}
