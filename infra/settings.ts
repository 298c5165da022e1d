import type { Node } from 'constructs';
import {
  boolean,
  bucketName,
  emailAddress,
  expectedSeconds,
  gatewayOrigin,
  kmsKeyArn,
  maxConcurrency,
  oneOf,
  prefix,
  type Reader,
  refuseOverlap,
  reservedConcurrency,
  resultHosts,
  SettingError,
  secretNameOrArn,
  suffixes,
  timeoutMinutes,
  topicArn,
  uploadsPerMinute,
} from './checks.ts';

/** What a deployment can be told, by CDK context: `-c name=value`, or `context` in cdk.json. */
export interface Settings {
  /** Name of an existing bucket to watch. @default - the stack makes one */
  readonly uploadsBucket?: string;
  /** Name of an existing bucket for the results. @default - the stack makes one */
  readonly resultsBucket?: string;
  /** ARN of the KMS key that the existing uploads bucket is encrypted with. @default - not encrypted with a key of yours */
  readonly uploadsKmsKey?: string;
  /** ARN of the KMS key that the existing results bucket is encrypted with; results name it. @default - not encrypted with a key of yours */
  readonly resultsKmsKey?: string;
  /** Only objects whose key begins so are processed. @default '' - all */
  readonly uploadsPrefix: string;
  /** Only objects whose key ends in one of these are processed; upper and lower case differ. @default - all */
  readonly uploadsSuffixes?: string[];
  /** What results' keys begin with, in place of the uploads prefix. @default '' */
  readonly resultsPrefix: string;
  /** Name or ARN of an existing secret that holds the gateway's API key as plain text. @default - the stack makes an empty one */
  readonly apiKeySecret?: string;
  /** Origin of the gateway. @default 'https://gateway.pixazo.ai' */
  readonly gatewayUrl: string;
  /** Hosts that results may be fetched from over https: `host`, `*.domain`, or a literal origin. @default ['*.r2.dev'] */
  readonly resultHosts: string[];
  /** What hardly any removal takes less than: the first wait, in seconds, 0–3,600. @default 5 */
  readonly expectedSeconds: number;
  /** How long a job may take from its acceptance, in minutes, 1–360. @default 90 */
  readonly timeoutMinutes: number;
  /** How many batches of 10 uploads are started at once, 2–1,000 (AWS's range). @default 5 */
  readonly maxConcurrency?: number;
  /** How many uploads are started a minute at most, 6–18,000; in place of maxConcurrency. @default - no limit */
  readonly uploadsPerMinute?: number;
  /** Whether the gateway calls back when a job ends, instead of being asked for ever. @default false */
  readonly webhook: boolean;
  /** Bound on callbacks processed at once: the function's reserved concurrency, 1–1,000. @default - the account's */
  readonly webhookConcurrency?: number;
  /** ARN of the KMS key that the existing secret is encrypted with. @default - AWS's own */
  readonly apiKeyKmsKey?: string;
  /** Name of an existing bucket with S3 Inventory reports, from which a backfill can take its list. @default - none */
  readonly inventoryBucket?: string;
  /** ARN of the KMS key that the inventory's reports are encrypted with. @default - not encrypted with a key of yours */
  readonly inventoryKmsKey?: string;
  /** Who gets an e-mail when an alarm goes off. @default - nobody */
  readonly alarmEmail?: string;
  /** ARN of an existing SNS topic that alarms go to. @default - none */
  readonly alarmTopic?: string;
  /** What becomes of buckets and secret that the stack made when it is deleted. @default 'retain' */
  readonly removal: 'retain' | 'destroy';
}

const DEFAULTS = {
  uploadsPrefix: '',
  resultsPrefix: '',
  gatewayUrl: 'https://gateway.pixazo.ai',
  resultHosts: ['*.r2.dev'],
  expectedSeconds: 5,
  timeoutMinutes: 90,
  webhook: false,
  removal: 'retain',
} satisfies Partial<Settings>;

type Readers = { [K in keyof Required<Settings>]: Reader<Settings[K]> };

const READERS: Readers = {
  uploadsBucket: bucketName,
  resultsBucket: bucketName,
  uploadsKmsKey: kmsKeyArn,
  resultsKmsKey: kmsKeyArn,
  uploadsPrefix: prefix,
  uploadsSuffixes: suffixes,
  resultsPrefix: prefix,
  apiKeySecret: secretNameOrArn,
  apiKeyKmsKey: kmsKeyArn,
  gatewayUrl: gatewayOrigin,
  resultHosts,
  expectedSeconds,
  timeoutMinutes,
  maxConcurrency,
  uploadsPerMinute,
  webhook: boolean,
  webhookConcurrency: reservedConcurrency,
  inventoryBucket: bucketName,
  inventoryKmsKey: kmsKeyArn,
  alarmEmail: emailAddress,
  alarmTopic: topicArn,
  removal: oneOf('retain', 'destroy'),
};

/** Settings that mean something only beside another one. */
const NEEDS: Partial<Record<keyof Settings, keyof Settings>> = {
  uploadsKmsKey: 'uploadsBucket',
  resultsKmsKey: 'resultsBucket',
  apiKeyKmsKey: 'apiKeySecret',
  inventoryKmsKey: 'inventoryBucket',
  webhookConcurrency: 'webhook',
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
  const read = Object.fromEntries(given.map((name) => [name, READERS[name](`The setting ${name}`, context[name])]));
  const settings: Settings = { ...DEFAULTS, ...read };
  refuseConflicts(settings);
  return settings;
}

function refuseConflicts(settings: Settings): void {
  refuseOverlap({ uploadsBucket: undefined, resultsBucket: undefined, ...settings });
  for (const [name, needed] of Object.entries(NEEDS) as [keyof Settings, keyof Settings][]) {
    if (settings[name] === undefined || settings[needed]) continue;
    throw new SettingError(`The setting ${name} has no effect without ${needed}. Set ${needed} too, or drop ${name}.`);
  }
  const { uploadsBucket, resultsBucket, uploadsKmsKey, resultsKmsKey } = settings;
  if (uploadsBucket !== undefined && uploadsBucket === resultsBucket && uploadsKmsKey !== resultsKmsKey) {
    throw new SettingError(
      `Set uploadsKmsKey and resultsKmsKey to the same key, because uploadsBucket and resultsBucket are both "${uploadsBucket}".`,
    );
  }
  if (settings.alarmEmail !== undefined && settings.alarmTopic !== undefined) {
    throw new SettingError(
      'Set either alarmEmail or alarmTopic, not both: subscribe the address to the topic, and drop alarmEmail.',
    );
  }
  if (settings.maxConcurrency !== undefined && settings.uploadsPerMinute !== undefined) {
    throw new SettingError('Set either maxConcurrency or uploadsPerMinute, not both: each sets the pace.');
  }
  const makesNothing = uploadsBucket && resultsBucket && settings.apiKeySecret;
  if (settings.removal === 'destroy' && makesNothing) {
    throw new SettingError(
      'The setting removal has no effect with uploadsBucket, resultsBucket and apiKeySecret: the stack makes none of ' +
        'them, and never deletes what exists. Drop it.',
    );
  }
  if (settings.expectedSeconds >= settings.timeoutMinutes * 60) {
    throw new SettingError(
      `The first wait, expectedSeconds (${settings.expectedSeconds}), must be shorter than timeoutMinutes ` +
        `(${settings.timeoutMinutes}), or every job would be given up at its first check.`,
    );
  }
}
