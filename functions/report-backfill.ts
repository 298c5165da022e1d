import { ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { BackfillReport, Planned } from './shared/backfill.ts';
import { outcomesOf } from './shared/backfill-outcomes.ts';
import { env } from './shared/environment.ts';
import { handlerOf, logger } from './shared/handler.ts';

const s3 = new S3Client({});
const bucket = env('RESULTS_BUCKET');

interface Event {
  execution: string;
  /** With the failure, if more images failed than is tolerated. */
  state: Planned & { failure?: unknown };
}

/** The last state of a backfill: counts what came of the images, and writes the report. */
export const handler = handlerOf(async ({ execution, state }: Event): Promise<BackfillReport> => {
  logger.appendKeys({ backfill: execution });
  const { backfill, plan, failure } = state;
  const manifestKey = await manifestUnder(`${backfill.reportPrefix}removed/`);
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

/** The key of a Map Run's manifest; undefined if none ran. Where the Map Run failed, no state says where it is. */
async function manifestUnder(prefix: string): Promise<string | undefined> {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
  return Contents.find(({ Key }) => Key?.endsWith('/manifest.json'))?.Key;
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
    `${report.underWay} under way on their own`,
    `${failed.length === 0 ? 'none' : failed.join(', ')} failed`,
  ];
  const stopped = status === 'TOO_MANY_FAILURES' ? ' Stopped: more failed than toleratedFailurePercentage allows.' : '';
  return `${looked}: ${counts.join('; ')}.${stopped}`;
}
