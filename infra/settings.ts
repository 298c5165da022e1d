import { URL } from 'node:url';
import type { Node } from 'constructs';

/** What a deployment can be told, by CDK context: `-c name=value`, or `context` in cdk.json. */
export interface Settings {
  /** Name of an existing bucket to watch. @default - the stack makes one */
  readonly uploadsBucket?: string;
  /** Name of an existing bucket for the results. @default - the stack makes one */
  readonly resultsBucket?: string;
  /** Only objects whose key begins so are processed. @default '' - all */
  readonly uploadsPrefix: string;
  /** What results' keys begin with, in place of the uploads prefix. @default '' */
  readonly resultsPrefix: string;
  /** Name or ARN of an existing secret that holds the gateway's API key as plain text. @default - the stack makes an empty one */
  readonly apiKeySecret?: string;
  /** Origin of the gateway. @default 'https://gateway.pixazo.ai' */
  readonly gatewayUrl: string;
  /** Hosts that results may be fetched from over https: `host`, `*.domain`, or a literal origin. @default ['*.r2.dev'] */
  readonly resultHosts: string[];
  /** How long a removal usually takes: the first wait, in seconds, 0–3,600. @default 10 */
  readonly expectedSeconds: number;
  /** How long a job may take from its acceptance, in minutes, 1–360. @default 90 */
  readonly timeoutMinutes: number;
  /** How many batches of 10 uploads are started at once, 2–1,000 (AWS's range). @default 5 */
  readonly maxConcurrency: number;
  /** Whether the gateway calls back when a job ends, instead of being asked for ever. @default false */
  readonly webhook: boolean;
  /** Bound on callbacks processed at once: the function's reserved concurrency, 1–1,000. @default - the account's */
  readonly webhookConcurrency?: number;
  /** Who gets an e-mail when an alarm goes off. @default - nobody */
  readonly alarmEmail?: string;
  /** What becomes of buckets and secret when the stack is deleted. @default 'retain' */
  readonly removal: 'retain' | 'destroy';
}

/** Settings that cannot be used; the message names them and says what would do. */
export class SettingError extends Error {
  override readonly name = 'SettingError';
}

const DEFAULTS = {
  uploadsPrefix: '',
  resultsPrefix: '',
  gatewayUrl: 'https://gateway.pixazo.ai',
  resultHosts: ['*.r2.dev'],
  expectedSeconds: 10,
  timeoutMinutes: 90,
  maxConcurrency: 5,
  webhook: false,
  removal: 'retain',
} satisfies Partial<Settings>;

/**
 * The range of `timeoutMinutes`: three submissions of 6 h, polled every 30 s at 9 history events a poll, stay under
 * Step Functions' 25,000 events an execution; and a presigned URL outlives them (12 h).
 */
const MAX_TIMEOUT_MINUTES = 360;

const HOST = /^(\*\.)?([a-z0-9-]+\.)+[a-z0-9-]+$/;
const BUCKET_NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

type Reader<T> = (name: string, value: unknown) => T;
type Readers = { [K in keyof Required<Settings>]: Reader<Settings[K]> };

const READERS: Readers = {
  uploadsBucket: bucketName,
  resultsBucket: bucketName,
  uploadsPrefix: prefix,
  resultsPrefix: prefix,
  apiKeySecret: matching(/^\S+$/, 'must be the name or ARN of a secret'),
  gatewayUrl: gatewayOrigin,
  resultHosts,
  expectedSeconds: integer(0, 3600),
  timeoutMinutes: integer(1, MAX_TIMEOUT_MINUTES),
  maxConcurrency: integer(2, 1000),
  webhook: boolean,
  webhookConcurrency: integer(1, 1000),
  alarmEmail: matching(/^[^\s@]+@[^\s@]+$/, 'must be an e-mail address'),
  removal: oneOf('retain', 'destroy'),
};

/** The names of all settings. */
export const SETTING_NAMES = Object.keys(READERS) as (keyof Settings)[];

/**
 * Reads the settings from CDK context.
 *
 * @throws SettingError for the first setting that is unknown or cannot be used.
 */
export function readSettings(node: Node): Settings {
  const context: Record<string, unknown> = node.getAllContext();
  for (const name of Object.keys(context)) {
    // Feature flags and what the CDK remembers of an account have punctuation in their names; settings do not.
    if (/^\w+$/.test(name) && !Object.hasOwn(READERS, name)) {
      throw new SettingError(`There is no setting ${name}. The settings are: ${SETTING_NAMES.join(', ')}.`);
    }
  }
  const given = SETTING_NAMES.filter((name) => context[name] !== undefined && context[name] !== '');
  const read = Object.fromEntries(given.map((name) => [name, READERS[name](name, context[name])]));
  const settings: Settings = { ...DEFAULTS, ...read };
  refuseOverlap(settings);
  if (settings.webhookConcurrency !== undefined && !settings.webhook) {
    throw new SettingError(
      'The setting webhookConcurrency has no effect without webhook. Set webhook to true, or drop it.',
    );
  }
  return settings;
}

/** Results that are uploads themselves would be cut out again, for ever, at a price. */
export function refuseOverlap(settings: {
  uploadsBucket?: string | undefined;
  resultsBucket?: string | undefined;
  uploadsPrefix: string;
  resultsPrefix: string;
}): void {
  const { uploadsBucket, resultsBucket, uploadsPrefix, resultsPrefix } = settings;
  if (uploadsBucket === undefined || uploadsBucket !== resultsBucket) return;
  if (!uploadsPrefix.startsWith(resultsPrefix) && !resultsPrefix.startsWith(uploadsPrefix)) return;
  throw new SettingError(
    `Uploads and results overlap: uploadsBucket and resultsBucket are both "${uploadsBucket}", and uploadsPrefix ` +
      `"${uploadsPrefix}" and resultsPrefix "${resultsPrefix}" begin alike, so each result would be taken for a new ` +
      'upload. Choose another bucket, or prefixes of which neither begins with the other, such as "in/" and "out/".',
  );
}

function unusable(setting: string, value: unknown, problem: string): SettingError {
  return new SettingError(`The setting ${setting} ${problem}, but it is ${JSON.stringify(value)}.`);
}

function bucketName(name: string, value: unknown): string {
  return matching(BUCKET_NAME, 'must be the name of a bucket')(name, value);
}

function prefix(name: string, value: unknown): string {
  const text = matching(
    /^(?!\/)[^\\{}^%`[\]"<>~#|*?]*$/,
    'must be a plain key prefix such as "photos/", without a leading "/"',
  );
  const valid = text(name, value);
  if (Buffer.byteLength(valid) > 512) throw unusable(name, value, 'must be at most 512 bytes long');
  return valid;
}

function gatewayOrigin(name: string, value: unknown): string {
  const problem =
    'must be an https origin such as "https://gateway.pixazo.ai", without a path (plain http only on 127.0.0.1)';
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && url.hostname === '127.0.0.1');
  if (url === undefined || !secure || `${url.origin}/` !== url.href) throw unusable(name, value, problem);
  return url.origin;
}

function resultHosts(name: string, value: unknown): string[] {
  const hosts = Array.isArray(value)
    ? value
    : String(value)
        .split(',')
        .map((host) => host.trim());
  const problem = 'must list hosts such as "*.r2.dev,cdn.example.com" or origins';
  if (hosts.length === 0) throw unusable(name, value, problem);
  for (const host of hosts) {
    const isOrigin = typeof host === 'string' && /^https?:/.test(host) && URL.parse(host)?.origin === host;
    if (isOrigin || (typeof host === 'string' && HOST.test(host))) continue;
    throw unusable(name, value, problem);
  }
  return hosts;
}

function matching(pattern: RegExp, problem: string): Reader<string> {
  return (name, value) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw unusable(name, value, problem);
    return value;
  };
}

function integer(min: number, max: number): Reader<number> {
  return (name, value) => {
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max) return number;
    throw unusable(name, value, `must be a whole number from ${min} to ${max}`);
  };
}

function boolean(name: string, value: unknown): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw unusable(name, value, 'must be true or false');
}

function oneOf<const T extends string>(...words: T[]): Reader<T> {
  return (name, value) => {
    const word = words.find((each) => each === value);
    if (word === undefined) throw unusable(name, value, `must be one of ${words.join(', ')}`);
    return word;
  };
}
