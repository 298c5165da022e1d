import { Readable } from 'node:stream';
import { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { Backfill, Candidate, ImageToStart, Plan, Planned, Selection, SkipReason } from './backfill/contract.ts';
import { mapResults } from './backfill/map-results.ts';
import { PRICE_PER_IMAGE_USD } from './gateway/model.ts';
import { withKmsKey } from './results/encryption.ts';
import { executionName } from './results/keys.ts';
import { env } from './runtime/env.ts';
import { handlerOf, logger } from './runtime/handler.ts';

const s3 = withKmsKey(new S3Client({}), process.env.RESULTS_KMS_KEY);
const bucket = env('RESULTS_BUCKET');

interface Event {
  execution: string;
  executionArn: string;
  backfill: Backfill;
  /** Key of the manifest of what was selected, in the results bucket. */
  manifestKey: string;
}

/** Counts what was selected, prices it, and writes the list of the images that are to be submitted. */
export const handler = handlerOf(
  async ({ execution, executionArn, backfill, manifestKey }: Event): Promise<Planned> => {
    logger.appendKeys({ backfill: execution });
    const imagesKey = `${backfill.reportPrefix}images.jsonl`;
    const plan: Plan = { examined: 0, skipped: {}, found: 0, images: 0, priceUsd: 0, imagesKey };
    const limit = backfill.maxImages ?? Number.POSITIVE_INFINITY;

    async function* lines(): AsyncGenerator<string> {
      for await (const selection of mapResults(s3, { bucket, manifestKey }, 'SUCCEEDED')) {
        const { skipped, images } = selection as Selection;
        for (const [reason, count] of Object.entries(skipped) as [SkipReason, number][]) {
          plan.skipped[reason] = (plan.skipped[reason] ?? 0) + count;
          plan.examined += count;
        }
        plan.examined += images.length;
        plan.found += images.length;
        const wanted = images.slice(0, limit - plan.images);
        plan.images += wanted.length;
        for (const image of wanted) yield `${JSON.stringify(startOf(image, executionArn, backfill.startedAt))}\n`;
      }
    }
    const Body = Readable.from(lines(), { objectMode: false });
    await new Upload({ client: s3, params: { Bucket: bucket, Key: imagesKey, Body } }).done();

    // In thousandths of a dollar, as the price is.
    plan.priceUsd = Math.round(plan.images * PRICE_PER_IMAGE_USD * 1000) / 1000;
    logger.info('planned', { ...plan });
    return { backfill, plan };
  },
);

/**
 * How an image's execution is started: under the name that its upload event gives it, so that the two are one. Where that
 * name is taken by an execution that has ended, and has left no result, under a name of this backfill's own.
 *
 * The input says who started it. So it differs from that of the upload's own execution, and stopping the backfill stops
 * only executions of the backfill's: of two starts with the same name and input, Step Functions makes one.
 */
function startOf({ failed, ...image }: Candidate, executionArn: string, startedAt: string): ImageToStart {
  const nextName = executionName({ ...image, versionId: undefined, sequencer: executionArn });
  const input = { ...image, AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID: executionArn };
  return { input, name: executionName(image), nextName, startedAt, failed };
}
