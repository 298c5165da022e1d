import { randomBytes } from 'node:crypto';
import { callbackUrl } from '../../functions/callbacks/table.ts';

/** Time limit of the check, in milliseconds. */
const TIMEOUT_MS = 15_000;

/**
 * Calls the webhook endpoint as the gateway would, from here, with a capability that nobody has.
 *
 * @returns what is wrong with it, in words; undefined if it answers as it should, with 404.
 */
export async function problemWithCallbacks(functionUrl: string): Promise<string | undefined> {
  const url = callbackUrl(functionUrl, 'smoke-test#0', randomBytes(32).toString('base64url'));
  const headers = { 'content-type': 'application/json' };
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(url, { method: 'POST', body: '{}', headers, redirect: 'manual', signal });
    await response.body?.cancel();
    return response.status === 404 ? undefined : `it answers ${response.status}: ${meaningOf(response.status)}`;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error && 'code' in cause ? cause.code : error instanceof Error ? error.name : error;
    return `it cannot be reached from here (${code}). Check the stack output CallbackUrl, and that function URLs are not blocked.`;
  }
}

function meaningOf(status: number): string {
  if (status === 403) {
    return "AWS lets nobody in. An organization's policy or the account's block on public access may forbid public function URLs.";
  }
  if (status === 429) return "on-callback is throttled. Raise its reserved concurrency, or the account's.";
  if (status === 503) return 'on-callback could not use its table. See its log.';
  if (status >= 500) return 'on-callback crashed or could not be run. See its log.';
  return 'that is not what on-callback answers (404). Check the stack output CallbackUrl; something else may stand there.';
}
