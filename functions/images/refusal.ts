import { redact } from '../runtime/redact.ts';

/** Values this short are words or numbers, and no secrets. */
const SHORT = 6;

/**
 * What S3, or a store that answers as S3 does, says of its refusal: code and message. They tell an expired URL from one of an
 * old signature, for instance.
 *
 * @param body The first bytes of the answer.
 * @param imageUrl What was asked for; nothing of its query is repeated.
 * @returns ` AccessDenied: Request has expired`; empty if it says nothing so
 */
export function saidOfRefusal(body: Uint8Array, imageUrl: string): string {
  const text = Buffer.from(body).toString('utf8');
  const [, code] = /<Error>.*?<Code>(\w+)<\/Code>/s.exec(text) ?? [];
  if (code === undefined) return '';
  const [, message = ''] = /<Message>([^<]*)<\/Message>/.exec(text) ?? [];
  const values = [...new URL(imageUrl).searchParams.values()].filter(({ length }) => length > SHORT);
  const said = values.reduce((rest, value) => rest.replaceAll(value, '[redacted]'), `${code}: ${message}`);
  return ` ${redact(said).replace(/[\s:.]+$/, '')}`;
}
