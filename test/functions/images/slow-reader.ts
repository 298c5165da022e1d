import { setTimeout } from 'node:timers/promises';
import { openMedium } from '../../../functions/results/medium.ts';

/** What a slow reader is told to read, and how many at once. */
export interface Order {
  urls: string[];
  atOnce: number;
}

/** What came of a URL: how many bytes, or why not. */
export type Outcome = { url: string } & ({ bytes: number } | { failure: string });

/** The reader waits so long before each of the first chunks: an upload is slower than a download, at first by a look at S3. */
const PAUSE_MS = 5;
const PAUSES = 32;

/**
 * A process of its own that reads results more slowly than they come, each once. What would end the process, because no
 * catch sees it, is reported as the outcome of what was being read.
 */
process.once('message', async ({ urls, atOnce }: Order) => {
  const outcomes: Outcome[] = [];
  const left = [...urls];
  const work = async () => {
    for (let url = left.shift(); url !== undefined; url = left.shift()) {
      const read = readSlowly(url).catch((error: Error) => ({ failure: String(error) }));
      outcomes.push({ url, ...(await Promise.race([read, crash.promise])) });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  process.send?.(outcomes, () => process.disconnect());
});

async function readSlowly(url: string): Promise<{ bytes: number }> {
  const medium = await openMedium(url, [new URL(url).origin]);
  let [bytes, pauses] = [0, 0];
  await setTimeout(PAUSE_MS);
  for await (const chunk of medium.bytes) {
    bytes += chunk.byteLength;
    if (++pauses < PAUSES) await setTimeout(PAUSE_MS);
  }
  return { bytes };
}

/** The next thing that nobody catches. */
let crash = Promise.withResolvers<{ failure: string }>();
process.on('uncaughtException', (error) => {
  crash.resolve({ failure: `A crash: ${error}` });
  crash = Promise.withResolvers();
});
