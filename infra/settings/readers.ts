import { URL } from 'node:url';

/** Settings, or props, that cannot be used; the message names them and says what would do. */
export class SettingError extends Error {
  override readonly name = 'SettingError';
}

/**
 * Reads a value that was given, in the shape that is used from here on.
 *
 * @param subject What was given, as the start of a sentence: `The setting maxConcurrency`.
 * @throws SettingError if it cannot be used.
 */
export type Reader<T> = (subject: string, value: unknown) => T;

/** The longest first wait, in seconds. */
const MAX_EXPECTED_SECONDS = 3600;
/**
 * The longest that a job may take: three submissions of 6 h, polled every 30 s at 3 history events a poll, stay under
 * Step Functions' 25,000 events an execution; and a presigned URL outlives them (12 h).
 */
const MAX_TIMEOUT_MINUTES = 360;

const HOST = /^(\*\.)?([a-z0-9-]+\.)+[a-z0-9-]+$/;
const BUCKET_NAME = /^(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
/** Neither `*` nor `\`, which mean something in event patterns, nor what S3 advises against. */
const PLAIN = /^[^\\{}^%`[\]"<>~#|*?\p{Cc}]*$/u;

export const expectedSeconds = integer(0, MAX_EXPECTED_SECONDS);
export const timeoutMinutes = integer(1, MAX_TIMEOUT_MINUTES);
/** AWS's range for an event source mapping of a queue. */
export const maxConcurrency = integer(2, 1000);
/**
 * From what one invocation can wait for its only upload well within its timeout, to what StartExecution takes by default
 * in large regions.
 */
export const uploadsPerMinute = integer(6, 18_000);
export const reservedConcurrency = integer(1, 1000);

export const bucketName = matching(BUCKET_NAME, 'must be the name of a bucket');
export const secretNameOrArn = matching(/^\S+$/, 'must be the name or ARN of a secret');
export const emailAddress = matching(/^[^\s@]+@[^\s@]+$/, 'must be an e-mail address');
/** An alias will not do: policies name the key itself. */
export const kmsKeyArn = matching(
  /^arn:[\w-]+:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/,
  'must be the ARN of a KMS key, such as "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-…"',
);
export const topicArn = matching(
  /^arn:[\w-]+:sns:[a-z0-9-]+:\d{12}:[\w-]+$/,
  'must be the ARN of an SNS topic, such as "arn:aws:sns:eu-west-1:111122223333:alarms"',
);

export function prefix(subject: string, value: unknown): string {
  const isPlain = typeof value === 'string' && PLAIN.test(value) && !value.startsWith('/');
  if (!isPlain) throw unusable(subject, value, 'must be a plain key prefix such as "photos/", without a leading "/"');
  if (Buffer.byteLength(value) > 512) throw unusable(subject, value, 'must be at most 512 bytes long');
  return value;
}

/** Endings of keys: an array, or a text in which commas separate them. */
export function suffixes(subject: string, value: unknown): string[] {
  const list = listOf(value);
  const isUsable = (item: unknown) => typeof item === 'string' && /^[^,]{1,64}$/.test(item) && PLAIN.test(item);
  if (list.length > 0 && list.every(isUsable)) return list as string[];
  throw unusable(subject, value, 'must list endings of keys such as ".jpg,.jpeg,.png"');
}

export function gatewayOrigin(subject: string, value: unknown): string {
  const problem =
    'must be an https origin such as "https://gateway.pixazo.ai", without a path (plain http only on 127.0.0.1)';
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && url.hostname === '127.0.0.1');
  if (url === undefined || !secure || `${url.origin}/` !== url.href) throw unusable(subject, value, problem);
  return url.origin;
}

/** Hosts: an array, or a text in which commas separate them. */
export function resultHosts(subject: string, value: unknown): string[] {
  const hosts = listOf(value);
  const isHost = (host: unknown) => {
    if (typeof host !== 'string') return false;
    return /^https?:/.test(host) ? URL.canParse(host) && new URL(host).origin === host : HOST.test(host);
  };
  if (hosts.length > 0 && hosts.every(isHost)) return hosts as string[];
  throw unusable(subject, value, 'must list hosts such as "*.r2.dev,cdn.example.com" or origins');
}

export function boolean(subject: string, value: unknown): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw unusable(subject, value, 'must be true or false');
}

export function oneOf<const T extends string>(...words: T[]): Reader<T> {
  return (subject, value) => {
    const word = words.find((each) => each === value);
    if (word === undefined) throw unusable(subject, value, `must be one of ${words.join(', ')}`);
    return word;
  };
}

/** Which objects are uploads, and where results go. */
export interface Places {
  /** Undefined if it is made anew, and so differs from every other. */
  readonly uploadsBucket: string | undefined;
  readonly resultsBucket: string | undefined;
  readonly uploadsPrefix: string;
  readonly resultsPrefix: string;
}

/** Results that are uploads themselves would be cut out again, for ever, at a price. */
export function refuseOverlap({ uploadsBucket, resultsBucket, uploadsPrefix, resultsPrefix }: Places): void {
  if (uploadsBucket === undefined || uploadsBucket !== resultsBucket) return;
  if (!uploadsPrefix.startsWith(resultsPrefix) && !resultsPrefix.startsWith(uploadsPrefix)) return;
  throw new SettingError(
    `Uploads and results overlap: uploadsBucket and resultsBucket are both "${uploadsBucket}", and uploadsPrefix ` +
      `"${uploadsPrefix}" and resultsPrefix "${resultsPrefix}" begin alike, so each result would be taken for a new ` +
      'upload. Choose another bucket, or prefixes of which neither begins with the other, such as "in/" and "out/".',
  );
}

function integer(min: number, max: number): Reader<number> {
  return (subject, value) => {
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max) return number;
    throw unusable(subject, value, `must be a whole number from ${min} to ${max}`);
  };
}

function matching(pattern: RegExp, problem: string): Reader<string> {
  return (subject, value) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw unusable(subject, value, problem);
    return value;
  };
}

function listOf(value: unknown): unknown[] {
  if (typeof value === 'string') return value.split(',').map((item) => item.trim());
  return Array.isArray(value) ? value : [];
}

function unusable(subject: string, value: unknown, problem: string): SettingError {
  return new SettingError(`${subject} ${problem}, but it is ${JSON.stringify(value)}.`);
}
