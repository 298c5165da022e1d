import { URL } from 'node:url';
import { FORMATS, type ImageFormat } from '../../functions/images/formats.ts';
import { isBlockedPort } from '../../functions/images/url.ts';

/** Settings, or props, that cannot be used; the message names them and says what to do. */
export class SettingError extends Error {
  override readonly name = 'SettingError';
}

/** What can be given, and how it is read. */
export interface Reader<T> {
  /** In words, after "must be" and in the documentation: `a whole number from 1 to 360`. */
  readonly accepts: string;
  /** @returns undefined if the value is not what is accepted */
  readonly parse: (value: unknown) => T | undefined;
}

/**
 * Reads a value that was given.
 *
 * @param subject What was given, as the start of a sentence: `The setting timeoutMinutes`.
 * @throws SettingError if it cannot be used.
 */
export function read<T>({ accepts, parse }: Reader<T>, subject: string, value: unknown): T {
  const parsed = parse(value);
  if (parsed === undefined) {
    throw new SettingError(`${subject} must be ${accepts}, but it is ${JSON.stringify(value)}.`);
  }
  return parsed;
}

const HOST = /^(\*\.)?([a-z0-9-]+\.)+[a-z0-9-]+$/;
/** Neither `*` nor `\`, which mean something in event patterns, nor what S3 advises against. */
const PLAIN = /^[^\\{}^%`[\]"<>~#|*?\p{Cc}\p{Cs}]*$/u;

export const bucketName = matching(/^(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'the name of a bucket');
export const secretNameOrArn = matching(
  /^(arn:[\w-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:)?[\w/+=.@-]{1,512}$/,
  'the name or ARN of a secret, such as "pixazo/api-key"',
);
export const emailAddress = matching(/^[^\s@]+@[^\s@]+$/, 'an e-mail address');
/** An alias will not do: policies name the key itself. */
export const kmsKeyArn = matching(
  /^arn:[\w-]+:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/,
  'the ARN of a KMS key, such as "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-…"',
);

export const prefix: Reader<string> = {
  accepts: 'a plain key prefix such as "photos/", without a leading "/", at most 512 bytes long',
  parse: (value) => {
    const isPrefix = typeof value === 'string' && PLAIN.test(value) && !value.startsWith('/');
    return isPrefix && Buffer.byteLength(value) <= 512 ? value : undefined;
  },
};

/** An array, or a text in which commas separate the endings. */
export const suffixes: Reader<readonly string[]> = {
  accepts: 'a list of endings of keys such as ".jpg,.jpeg,.png"',
  parse: (value) => listOf(value, (item) => /^[^,]{1,64}$/.test(item) && PLAIN.test(item)),
};

/** An array, or a text in which commas separate the hosts. */
export const resultHosts: Reader<readonly string[]> = {
  accepts: 'a list of hosts such as "*.r2.dev,cdn.example.com", or of origins',
  parse: (value) =>
    listOf(value, (host) =>
      /^https?:/.test(host) ? URL.canParse(host) && new URL(host).origin === host : HOST.test(host),
    ),
};

export const gatewayOrigin: Reader<string> = {
  accepts: 'an https origin such as "https://gateway.pixazo.ai", without a path (plain http only on 127.0.0.1)',
  parse: (value) => {
    const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
    const isSecure = url?.protocol === 'https:' || (url?.protocol === 'http:' && url.hostname === '127.0.0.1');
    const isUsable = isSecure && !isBlockedPort(url?.port);
    return url && isUsable && `${url.origin}/` === url.href ? url.origin : undefined;
  },
};

export const imageFormats: Reader<readonly ImageFormat[]> = {
  accepts: `one or more of ${Object.keys(FORMATS).join(', ')}`,
  parse: (value) => listOf(value, (format) => Object.hasOwn(FORMATS, format)) as ImageFormat[] | undefined,
};

export const boolean: Reader<boolean> = {
  accepts: 'true or false',
  parse: (value) => {
    if (value === true || value === 'true') return true;
    return value === false || value === 'false' ? false : undefined;
  },
};

export function oneOf<const T extends string>(...words: T[]): Reader<T> {
  return { accepts: `one of ${words.join(', ')}`, parse: (value) => words.find((each) => each === value) };
}

export function integer(min: number, max: number): Reader<number> {
  return {
    accepts: `a whole number from ${min} to ${max}`,
    parse: (value) => {
      const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
      const isWithin = typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max;
      return isWithin ? number : undefined;
    },
  };
}

function matching(pattern: RegExp, accepts: string): Reader<string> {
  return { accepts, parse: (value) => (typeof value === 'string' && pattern.test(value) ? value : undefined) };
}

function listOf(value: unknown, isItem: (item: string) => boolean): string[] | undefined {
  const list = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value;
  const isList = Array.isArray(list) && list.length > 0;
  return isList && list.every((item) => typeof item === 'string' && isItem(item)) ? list : undefined;
}
