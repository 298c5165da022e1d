import { CutoutError } from '../errors.ts';
import { whyNoImageUrl } from './url.ts';

/** How many redirects are followed. */
const MAX_REDIRECTS = 3;

/**
 * GETs a URL that came from elsewhere: `check` sees it, and each redirect, before anything is sent there.
 *
 * @param check Throws if the URL may not be fetched.
 * @returns The first answer that is no redirect, or the one after which no more are followed.
 */
export async function guardedFetch(
  url: string,
  check: (url: URL) => void,
  init: { headers: Record<string, string>; signal: AbortSignal },
): Promise<Response> {
  let next = new URL(url);
  for (let redirects = 0; ; redirects++) {
    check(next);
    const response: Response = await fetch(next.href, { ...init, redirect: 'manual' });
    const location = response.headers.get('location');
    if (response.status < 300 || response.status > 399 || location === null || redirects === MAX_REDIRECTS) {
      return response;
    }
    await response.body?.cancel();
    if (!URL.canParse(location, next.href)) return response;
    next = new URL(location, next.href);
  }
}

/**
 * Refuses image URLs that this function must not be led to. Plain http would reach the Lambda runtime's own interface on
 * the loopback address; it is allowed only where the gateway itself is plain http, which is a local run.
 *
 * @throws InvalidInput
 */
export function checkImageUrl(url: URL, gatewayUrl: string): void {
  const isSecure = url.protocol === 'https:' || url.protocol === new URL(gatewayUrl).protocol;
  const problem = isSecure ? whyNoImageUrl(url.href) : `must be an https URL, not ${url.protocol}`;
  if (problem) throw new CutoutError('InvalidInput', `"imageUrl" (or where it redirects to) ${problem}`);
}
