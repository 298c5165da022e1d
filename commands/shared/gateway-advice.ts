import { type CutoutError, isError, rowOf } from '../../functions/errors.ts';

/** Name, what happened, and what to do, for somebody without a stack. */
export function advise(error: CutoutError): string {
  const { name, message } = error;
  const { remedy, withoutStack } = rowOf(name);
  const what = message.replace(remedy, '').trimEnd();
  const seconds = isError(error, 'TooManyRequests') ? error.retryAfterSeconds : undefined;
  const when = seconds === undefined ? undefined : `It asks to come back in ${seconds} s.`;
  return [`${name}: ${what}`, when, withoutStack].filter(Boolean).join(' ');
}
