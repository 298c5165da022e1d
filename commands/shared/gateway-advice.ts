import { type CutoutError, type ErrorName, REMEDIES } from '../../functions/errors.ts';
import { TooManyRequests } from '../../functions/gateway/errors.ts';

/** What to do about a failure where there is no stack: {@link REMEDIES} speak of executions and settings. */
const ADVICE: Partial<Record<ErrorName, string>> = {
  InvalidInput: 'Check the options.',
  BadRequest: 'Nothing was charged. See what the gateway says of the URL or the model, then run this again.',
  Unauthorized: 'Nothing was charged. Set PIXAZO_API_KEY to a valid API key.',
  InsufficientBalance: "Nothing was charged. Top up the gateway's wallet, then run this again.",
  Forbidden: 'Nothing was charged. Check that the API key is entitled to this model.',
  NotFound: 'Check --gateway-url and, if given, --request-id: the gateway may also have forgotten an old request.',
  TooManyRequests: 'Nothing was charged. Wait for some minutes, or ask the gateway for a higher limit.',
  GatewayUnreachable: 'Nothing was charged. Check --gateway-url, the network, and that the gateway is up.',
  OutcomeUnknown:
    'The gateway may or may not have accepted, and charged, the image, so it is not submitted again by itself. ' +
    'Running this again submits it once more.',
  RemovalFailed: 'Look at the picture: whether it can be fetched by its URL from anywhere, and is a plain image.',
  RemovalError: 'The gateway does not charge for this. Run this again.',
  JobTimedOut: 'It is not given up, only no longer waited for.',
  DownloadFailed: 'The cutout is paid for and made; it was only not fetched.',
  UntrustedResultUrl: "If the host is the gateway's, name it in --result-hosts.",
  InvalidResult: 'Nothing was saved of it.',
  ResultTooLarge: 'Submit a smaller version of the picture.',
};

/** Name, what happened, and what to do, for somebody without a stack. */
export function advise(error: CutoutError): string {
  const { name, message } = error;
  const what = message.replace(REMEDIES[name], '').trimEnd();
  const seconds = error instanceof TooManyRequests ? error.retryAfterSeconds : undefined;
  const when = seconds === undefined ? undefined : `It asks to come back in ${seconds} s.`;
  return [`${name}: ${what}`, when, ADVICE[name]].filter(Boolean).join(' ');
}
