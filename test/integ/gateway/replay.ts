import { imageType } from '../../../functions/images/type.ts';
import type { WebhookBehaviour } from '../../../local/gateway/behaviour.ts';
import { PixazoGateway } from '../../../local/gateway/pixazo.ts';
import { fetchImage } from '../../../local/gateway/requests.ts';
import { resultOf } from './result.ts';
import type { State, StoredJob } from './state.ts';
import type { Switches } from './switches.ts';

/** Stands for whichever API key the job was submitted with, which is kept nowhere. */
const SOME_KEY = 'replayed';

/**
 * The gateway with one job that it accepted earlier, in another invocation: the very simulator that runs locally, whose
 * job fetches its image once and puts the result into the bucket.
 *
 * @param webhook Whether, and how, the gateway calls back when the job's end is noticed.
 */
export function gatewayWith(
  state: State,
  job: StoredJob,
  { outcomes = [], resultBytes }: Switches,
  webhook: WebhookBehaviour,
): PixazoGateway {
  let isReplayed = false;
  const { requestId } = job;
  const gateway = new PixazoGateway({
    ...{ url: job.origin, cdnUrl: job.origin, apiKeys: [SOME_KEY], durationMs: job.durationMs },
    newRequestId: () => requestId,
    clock: { now: () => (isReplayed ? Date.now() : job.createdAt) },
    fetchImage: async (imageUrl, closing) => {
      const made = await state.made(requestId);
      if (made === undefined) return once(state, job, () => fetchImage(imageUrl, closing));
      if ('problem' in made) throw new Error(made.problem);
      return ALREADY_MADE;
    },
    cutOut: async (image) => {
      if (image === ALREADY_MADE) return image;
      return once(state, job, async () => {
        if ((await imageType(image)) === undefined) throw new Error('it is no image');
        await state.saveResult(requestId, resultOf(image, resultBytes));
        await state.saveMade(requestId, { bytes: image.length });
        return image;
      });
    },
  });
  gateway.always({ outcome: outcomes[job.index] ?? 'COMPLETED', webhook });
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'ocp-apim-subscription-key': SOME_KEY,
    ...(job.webhookUrl !== undefined && { 'x-webhook-url': job.webhookUrl }),
  };
  gateway.submit(headers, JSON.stringify({ image_url: job.imageUrl }));
  isReplayed = true;
  gateway.apiKeys.clear();
  return gateway;
}

/** In place of an image whose result lies in the bucket. */
const ALREADY_MADE = Buffer.alloc(0);

/** Does a step of a job; if it fails, the job fails for good. */
async function once(state: State, { requestId }: StoredJob, work: () => Promise<Buffer>): Promise<Buffer> {
  try {
    return await work();
  } catch (error) {
    await state.saveMade(requestId, { problem: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}
