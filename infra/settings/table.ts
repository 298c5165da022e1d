import { INPUT_FORMATS } from '../../functions/gateway/model.ts';
import { FORMATS } from '../../functions/images/formats.ts';
import { DEFAULT_LIMITS } from '../../functions/images/limits.ts';
import type { BackgroundRemovalProps } from '../props.ts';
import {
  boolean,
  bucketName,
  emailAddress,
  gatewayOrigin,
  imageFormats,
  integer,
  kmsKeyArn,
  oneOf,
  prefix,
  type Reader,
  resultHosts,
  secretNameOrArn,
  suffixes,
} from './readers.ts';

/** All there is to say about a setting of the deployment, once. */
export interface Setting<Name extends string, T> {
  /** For the documentation: a noun phrase, or what happens if it is given. */
  readonly description: string;
  readonly reader: Reader<T>;
  /** A value as one gives it, for the tests and for `.ci/deploy`. */
  readonly example: string;
  /** What applies if it is not given. @default - nothing does; `otherwise` says what happens instead */
  readonly default?: T;
  /** For the documentation: the default in words, where a value would not explain itself. */
  readonly otherwise?: string;
  /** The setting without which this one has no effect. */
  readonly needs?: Name;
  /** Beside all of these, this one has no effect; and why. */
  readonly excludes?: { readonly settings: readonly Name[]; readonly because: string };
  /** The prop of the construct that means the same. @default - none */
  readonly prop?: keyof BackgroundRemovalProps;
  /** What the prop, a Duration, is read in. */
  readonly unit?: 'seconds' | 'minutes';
}

const MADE = 'made by the stack';
const ARN_OF_KEY = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';

const ROWS = {
  uploadsBucket: {
    description: 'existing bucket to watch',
    reader: bucketName,
    example: 'my-uploads',
    otherwise: MADE,
    prop: 'uploads',
  },
  resultsBucket: {
    description: 'existing bucket for the results',
    reader: bucketName,
    example: 'my-results',
    otherwise: MADE,
    prop: 'results',
  },
  uploadsKmsKey: {
    description: 'KMS key that the existing uploads bucket is encrypted with',
    reader: kmsKeyArn,
    example: ARN_OF_KEY,
    otherwise: 'none',
    needs: 'uploadsBucket',
  },
  resultsKmsKey: {
    description: 'KMS key that the existing results bucket is encrypted with; results name it',
    reader: kmsKeyArn,
    example: ARN_OF_KEY,
    otherwise: 'none',
    needs: 'resultsBucket',
  },
  uploadsPrefix: {
    description: 'process only objects whose key begins with this',
    reader: prefix,
    example: 'in/',
    default: '',
    otherwise: 'all objects',
    prop: 'uploadsPrefix',
  },
  uploadsSuffixes: {
    description: 'process only objects whose key ends in one of these; upper and lower case differ',
    reader: suffixes,
    example: '.jpg,.png',
    otherwise: 'all objects',
    prop: 'uploadsSuffixes',
  },
  resultsPrefix: {
    description: 'prefix of the keys of results, in place of the uploads prefix',
    reader: prefix,
    example: 'out/',
    default: '',
    otherwise: 'none',
    prop: 'resultsPrefix',
  },
  apiKeySecret: {
    description: 'existing secret whose text is the API key of the gateway',
    reader: secretNameOrArn,
    example: 'pixazo/api-key',
    otherwise: `${MADE}, empty`,
    prop: 'apiKeySecret',
  },
  apiKeyKmsKey: {
    description: 'KMS key that the existing secret is encrypted with',
    reader: kmsKeyArn,
    example: ARN_OF_KEY,
    otherwise: 'the AWS managed key',
    needs: 'apiKeySecret',
  },
  gatewayUrl: {
    description: 'origin of the gateway',
    reader: gatewayOrigin,
    example: 'https://gateway.example.com',
    default: 'https://gateway.pixazo.ai',
    prop: 'gatewayUrl',
  },
  resultHosts: {
    description: 'hosts that results may be fetched from over https: `host`, `*.domain`, or a literal origin',
    reader: resultHosts,
    example: '*.example.com',
    default: ['*.r2.dev'],
    prop: 'resultHosts',
  },
  expectedSeconds: {
    description:
      'delay before the first status check, in seconds; with `webhook`, half the time to wait for a callback, if over 150',
    reader: integer(0, 3600),
    example: '8',
    default: 5,
    prop: 'expectedTime',
    unit: 'seconds',
  },
  timeoutMinutes: {
    description: 'time that a job may take from its acceptance, in minutes',
    // Three submissions of 6 h each stay under Step Functions' 25,000 events an execution, and a presigned URL (12 h at
    // most) outlives each of them.
    reader: integer(1, 360),
    example: '30',
    default: 90,
    prop: 'timeout',
    unit: 'minutes',
  },
  imageFormats: {
    description: `formats to submit, of ${Object.keys(FORMATS).join(', ')}; Bria documents JPEG, PNG and WebP`,
    reader: imageFormats,
    example: 'jpeg,png,webp,heic',
    default: INPUT_FORMATS,
    prop: 'imageFormats',
  },
  maxMegapixels: {
    description: 'largest image to submit, in millions of pixels; neither Bria nor the gateway names a limit',
    reader: integer(1, 10_000),
    example: '50',
    default: DEFAULT_LIMITS.maxPixels / 1e6,
    prop: 'maxMegapixels',
  },
  uploadsPerMinute: {
    description: 'most uploads to start in a minute, for a gateway that limits the rate of requests',
    // From what one invocation can wait for its only upload well within its timeout, to what StartExecution takes by
    // default in large regions.
    reader: integer(6, 18_000),
    example: '300',
    otherwise: 'no limit',
    prop: 'uploadsPerMinute',
  },
  webhook: {
    description:
      'the gateway calls back when a job ends, instead of being polled; not where Lambda has no function URLs',
    reader: boolean,
    example: 'true',
    default: false,
    prop: 'webhook',
  },
  imagesPerDay: {
    description: 'most images to submit to the gateway in a day (UTC), whoever starts their executions',
    reader: integer(1, 10_000_000),
    example: '500',
    otherwise: 'no limit',
    prop: 'imagesPerDay',
  },
  pause: {
    description: 'hold uploads back while the gateway refuses for a reason of the account, such as an empty wallet',
    reader: boolean,
    example: 'false',
    default: true,
    prop: 'pause',
  },
  alarmDollarsPerDay: {
    description: 'dollars at the gateway within 24 hours from which on an alarm goes off; it stops nothing',
    reader: integer(1, 1_000_000),
    example: '20',
    default: 50,
    prop: 'alarmDollarsPerDay',
  },
  alarmEmail: {
    description: 'address that gets an e-mail when an alarm goes off',
    reader: emailAddress,
    example: 'images@example.com',
    otherwise: 'alarms show in the console only',
  },
  removal: {
    description: 'what becomes of the buckets, images and secret that the stack made when it is deleted',
    reader: oneOf('retain', 'destroy'),
    example: 'destroy',
    default: 'retain',
    excludes: {
      settings: ['uploadsBucket', 'resultsBucket', 'apiKeySecret'],
      because: 'nothing is made here that could be deleted, and what exists never is',
    },
    prop: 'removalPolicy',
  },
} as const;

export type SettingName = keyof typeof ROWS;

type ValueOf<Name extends SettingName> = (typeof ROWS)[Name]['reader'] extends Reader<infer T> ? T : never;

/** The settings of a deployment as they are used: undefined where none was given and there is no default. */
export type Settings = {
  readonly [Name in SettingName]:
    | ValueOf<Name>
    | ((typeof ROWS)[Name] extends { default: unknown } ? never : undefined);
};

/** The one table that context, props, error messages and documentation go by, in the order of the documentation. */
export const SETTINGS: { readonly [Name in SettingName]: Setting<SettingName, ValueOf<Name>> } = ROWS;

export const SETTING_NAMES = Object.keys(ROWS) as SettingName[];

/** The defaults of those settings that have one. */
export const DEFAULTS = Object.fromEntries(
  Object.entries(SETTINGS).map(([name, setting]) => [name, setting.default]),
) as { readonly [Name in SettingName]: (typeof ROWS)[Name] extends { default: infer T } ? T : undefined };

/** What took the place of settings that are no more. */
export const REMOVED: Readonly<Record<string, string>> = {
  maxConcurrency: "set uploadsPerMinute, or use the construct's prop maxConcurrency",
  webhookConcurrency: "use the construct's prop webhook.reservedConcurrency",
  alarmTopic: "set alarmEmail, or use the construct's prop alarmTopic",
  inventoryBucket: 'drop it, because a backfill lists the uploads bucket itself',
  inventoryKmsKey: 'drop it, because a backfill lists the uploads bucket itself',
};
