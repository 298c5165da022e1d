import { PutObjectCommand, paginateListObjectsV2, S3Client, type _Object as StoredObject } from '@aws-sdk/client-s3';
import type { BackfillReport, Planned } from './backfill/contract.ts';
import { outcomesOf } from './backfill/outcomes.ts';
import { CutoutError } from './errors.ts';
import { withKmsKey } from './results/encryption.ts';
import { env } from './runtime/env.ts';
import { handlerOf, logger } from './runtime/handler.ts';

const s3 = withKmsKey(new S3Client({}), process.env.RESULTS_KMS_KEY);
const bucket = env('RESULTS_BUCKET');

interface Event {
  execution: string;
  state: Planned & {
    /** Where the results of the Map Run lie, if one ran and succeeded. */
    removed?: { ResultWriterDetails: { Key: string } };
    /** That more images failed than is tolerated. */
    failure?: unknown;
  };
}

/** The last state of a backfill: counts what came of the images, and writes the report. */
export const handler = handlerOf(async ({ execution, state }: Event): Promise<BackfillReport> => {
  logger.appendKeys({ backfill: execution });
  const { backfill, plan, removed, failure } = state;
  const ofFailure = failure === undefined ? undefined : await newestManifest(`${backfill.reportPrefix}removed/`);
  const manifestKey = removed?.ResultWriterDetails.Key ?? ofFailure;
  const { failures, ...outcomes } = await outcomesOf(s3, bucket, manifestKey);
  const status = backfill.dryRun ? 'DRY_RUN' : failure === undefined ? 'COMPLETED' : 'TOO_MANY_FAILURES';
  const key = `${backfill.reportPrefix}report.json`;
  const report = { status, ...backfill, ...plan, ...outcomes, report: { bucket, key } } as const;
  const output: BackfillReport = { ...report, summary: summarize(report) };
  const Body = `${JSON.stringify({ ...output, failures }, null, 2)}\n`;
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body, ContentType: 'application/json' }));
  logger.info('reported', { ...output });
  return output;
});

/** The manifest of a Map Run that failed, of which no state says where it is. @throws InternalError if it is not there yet */
async function newestManifest(prefix: string): Promise<string> {
  const manifests: StoredObject[] = [];
  for await (const { Contents = [] } of paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: prefix })) {
    manifests.push(...Contents.filter(({ Key }) => Key?.endsWith('/manifest.json')));
  }
  const ages = manifests.map(({ LastModified }) => LastModified?.getTime() ?? 0);
  const newest = manifests[ages.indexOf(Math.max(...ages))]?.Key;
  if (newest === undefined)
    throw new CutoutError('InternalError', `The Map Run has written no results to s3://${bucket}/${prefix}`);
  return newest;
}

function summarize(report: Omit<BackfillReport, 'summary'>): string {
  const { status, examined, found, images, priceUsd } = report;
  const limited = images < found ? `, of which ${images} are within maxImages` : '';
  const looked = `${examined} objects looked at, ${found} images without a result${limited}`;
  if (status === 'DRY_RUN') return `${looked}: submitting ${images} costs $${priceUsd.toFixed(3)} at the gateway.`;
  const failed = Object.entries(report.failed).map(([error, count]) => `${count} ${error}`);
  const counts = [
    `${report.delivered} delivered`,
    `${report.superseded} superseded`,
    `${report.alreadyHandled} already handled by their own executions`,
    `${failed.length === 0 ? 'none' : failed.join(', ')} failed`,
  ];
  if (status === 'COMPLETED') return `${looked}: ${counts.join('; ')}.`;
  const where = `s3://${report.report.bucket}/${report.report.key}`;
  return `${looked}: ${counts.join('; ')}. Stopped: more failed than toleratedFailurePercentage allows. See ${where}.`;
}
