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
  backfill: Backfill;
  /** Key of the manifest of what was selected, in the results bucket. */
  manifestKey: string;
}

/** Counts what was selected, prices it, and writes the list of the images that are to be submitted. */
export const handler = handlerOf(async ({ execution, backfill, manifestKey }: Event): Promise<Planned> => {
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
      for (const image of wanted) yield `${JSON.stringify(startOf(image, execution, backfill.startedAt))}\n`;
    }
  }
  const Body = Readable.from(lines(), { objectMode: false });
  await new Upload({ client: s3, params: { Bucket: bucket, Key: imagesKey, Body } }).done();

  // In thousandths of a dollar, as the price is.
  plan.priceUsd = Math.round(plan.images * PRICE_PER_IMAGE_USD * 1000) / 1000;
  logger.info('planned', { ...plan });
  return { backfill, plan };
});

/**
 * How an image's execution is started: as its upload event would have done, so that the two are one. Where that name
 * is taken by an execution that has ended, and has left no result, under a name of this backfill's own.
 */
function startOf(image: Candidate, execution: string, startedAt: string): ImageToStart {
  const nextName = executionName({ ...image, versionId: undefined, sequencer: execution });
  return { input: image, name: executionName(image), nextName, startedAt };
}
