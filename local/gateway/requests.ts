import type { StatusDocument } from './job.ts';

/** Fetching an image or calling a webhook may take this long, in milliseconds. */
const PATIENCE_MS = 10_000;

/** Downloads what a job is to work on. Says why not, if it cannot. */
export async function fetchImage(imageUrl: string, closing: AbortSignal): Promise<Buffer> {
  const response = await fetch(imageUrl, { signal: patience(closing) });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`image_url answered ${response.status}`);
  }
  return Buffer.from(await response.arrayBuffer());
}

/** Calls a webhook once. @returns the status of the answer */
export async function callWebhook(url: string, document: StatusDocument, closing: AbortSignal): Promise<number> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(document),
    redirect: 'manual',
    signal: patience(closing),
  });
  await response.body?.cancel();
  return response.status;
}

function patience(closing: AbortSignal): AbortSignal {
  return AbortSignal.any([closing, AbortSignal.timeout(PATIENCE_MS)]);
}
