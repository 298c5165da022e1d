import { type Duration, type RemovalPolicy, Token } from 'aws-cdk-lib';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IConstruct } from 'constructs';
import type { ImageFormat } from '../functions/images/formats.ts';
import type { WebhookProps } from './pipeline/webhook.ts';
import { type Given, refuseConflicts } from './settings/conflicts.ts';
import { refuseElsewhere } from './settings/places.ts';
import { integer, type Reader, read, SettingError } from './settings/readers.ts';
import { checkShape } from './settings/shape.ts';
import { SETTING_NAMES, SETTINGS, type Setting, type SettingName } from './settings/table.ts';

export interface BackgroundRemovalProps {
  /**
   * The bucket whose uploads are processed, in the same account and region. One that is made in this app is told to send
   * its events to EventBridge; one that is imported is not touched, and must do so already. If it is encrypted with a
   * KMS key, its `encryptionKey` must be known (`Bucket.fromBucketAttributes`).
   * @default - a new, private, versioned bucket
   */
  readonly uploads?: IBucket | undefined;
  /**
   * The bucket for the results, in the same account and region; may be that of the uploads, if both prefixes are known at
   * synth and neither begins with the other. If it is encrypted with a KMS key, its `encryptionKey` must be known: all
   * that is written names it, as bucket policies may want it. Only what Step Functions writes to `backfills/` cannot.
   * @default - a new, private, versioned bucket
   */
  readonly results?: IBucket | undefined;
  /**
   * Only objects whose key begins with this are processed. At most 512 bytes, none of `\ { } ^ % [ ] " < > ~ # | * ?` and
   * the backtick, and no leading `/`. Policies have a wildcard in place of characters beyond U+00FF, which IAM does not take.
   * @default '' - all objects
   */
  readonly uploadsPrefix?: string | undefined;
  /**
   * Only objects whose key ends in one of these are processed, such as `['.jpg', '.png']`; upper and lower case differ.
   * Executions that other workflows start are not held to it. Must be known at synth. An error if they are more than an
   * event pattern (2,048 characters) or a function's environment variables (4,096 bytes) can hold: some 100 endings.
   * @default - all objects
   */
  readonly uploadsSuffixes?: readonly string[] | undefined;
  /**
   * Prefix of the keys of results, in place of the uploads prefix; same limits as that.
   * @default ''
   */
  readonly resultsPrefix?: string | undefined;
  /**
   * A secret whose text is the gateway's API key.
   * @default - a new secret without a value
   */
  readonly apiKeySecret?: ISecret | undefined;
  /**
   * Origin of the gateway; the documented paths are appended.
   * @default 'https://gateway.pixazo.ai'
   */
  readonly gatewayUrl?: string | undefined;
  /**
   * Hosts that results may be fetched from over https: `host`, `*.domain`, or a literal origin. An error if they are more
   * than a function's environment variables (4,096 bytes) can hold: some 100 hosts.
   * @default ['*.r2.dev']
   */
  readonly resultHosts?: readonly string[] | undefined;
  /**
   * Delay before the first status check: whole seconds, at most an hour, and shorter than `timeout`. With `webhook`, an
   * execution waits for its callback twice as long, and at least five minutes; then it must be known at synth.
   * @default Duration.seconds(5)
   */
  readonly expectedTime?: Duration | undefined;
  /**
   * How long a job may take from its acceptance by the gateway, in whole minutes, from 1 minute to 6 hours.
   * @default Duration.minutes(90)
   */
  readonly timeout?: Duration | undefined;
  /**
   * Formats that are submitted, told by a file's first bytes; others fail with UnsupportedFormat before anything is paid.
   * @default ['jpeg', 'png', 'webp'] - those that Bria's documentation names; the gateway's names none
   */
  readonly imageFormats?: readonly ImageFormat[] | undefined;
  /**
   * Largest image that is submitted, in millions of pixels: a whole number from 1 to 10,000. Larger ones fail with
   * ImageTooLarge before anything is paid.
   * @default 100
   */
  readonly maxMegapixels?: number | undefined;
  /**
   * Most batches of 10 uploads to start at once, from 2 to 1,000. An error beside `uploadsPerMinute`.
   * @default 5
   */
  readonly maxConcurrency?: number | undefined;
  /**
   * Most uploads to start in a minute, from 6 to 18,000, for a gateway that limits the rate of requests: an image makes
   * one request when it is submitted, and one for each status check. Executions that something else starts are not
   * counted; beside `uploadsPrefix`, objects with other endings than `uploadsSuffixes` are. Must be known at synth.
   * @default - as many as `maxConcurrency` allows, some 300 a second
   */
  readonly uploadsPerMinute?: number | undefined;
  /**
   * The gateway calls back when a job ends, instead of being polled. Not in regions without Lambda function URLs, such as
   * those of GovCloud and China: an error where the region is known at synth, and elsewhere when it is deployed.
   * @default - polling
   */
  readonly webhook?: WebhookProps | undefined;
  /**
   * Most images to submit to the gateway in a day (UTC), whoever starts their executions: a whole number from 1 to
   * 10,000,000. Above it executions fail with DailyLimitReached before anything is paid. An image counts on the day on
   * which it was about to be sent: around midnight, it may be paid a minute later. It makes a DynamoDB table; where
   * that is made anew, because this was dropped for a while, the day's count begins anew.
   * @default - no limit
   */
  readonly imagesPerDay?: number | undefined;
  /**
   * Whether uploads are held back while the gateway refuses for a reason of the account: an empty wallet, an API key that
   * is not set, not valid or not entitled; or when `imagesPerDay` is reached. They wait in their queue, for at most 12
   * days. What others start is not held back. Must be known at synth.
   * @default true
   */
  readonly pause?: boolean | undefined;
  /**
   * Dollars at the gateway within 24 hours from which on the alarm `SpendPerDay` goes off, a whole number from 1 to
   * 1,000,000. It counts what was sent and not surely refused, whoever started it, and stops nothing.
   * @default 50
   */
  readonly alarmDollarsPerDay?: number | undefined;
  /**
   * Where alarms go.
   * @default - alarms show in the console only
   */
  readonly alarmTopic?: ITopic | undefined;
  /**
   * What becomes of the buckets and the secret made here when they leave the stack: RETAIN, or DESTROY, which deletes
   * their content too. DESTROY is an error if all three are given, because then nothing is made here.
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy | undefined;
}

/** Refuses what is given from another account or region, as far as that is known at synth. @throws SettingError */
export function refuseGivenElsewhere(scope: IConstruct, props: BackgroundRemovalProps): void {
  const { uploads, results, apiKeySecret, alarmTopic } = props;
  const subject = (prop: string) => `${prop} of ${scope.node.path}`;
  const deploy = 'Deploy one stack in each region and account that has such a bucket.';
  if (uploads) refuseElsewhere(scope, subject('uploads'), uploads, deploy);
  if (results) refuseElsewhere(scope, subject('results'), results, deploy);
  if (apiKeySecret) {
    refuseElsewhere(
      scope,
      subject('apiKeySecret'),
      apiKeySecret,
      'Give a secret of this place, a replica for instance.',
    );
  }
  // A topic of another account is in order, if its policy lets this one publish.
  if (alarmTopic) {
    refuseElsewhere(scope, subject('alarmTopic'), alarmTopic, 'CloudWatch notifies topics of its own region.', [
      'region',
    ]);
  }
}

/** Readers of the props that no setting stands for. */
const OTHERS = {
  /** AWS's range for an event source mapping of a queue. */
  maxConcurrency: integer(2, 1000),
  reservedConcurrency: integer(1, 1000),
};

/** Refuses props that cannot be used, by name. A value that is known only at deployment is not checked. @throws SettingError */
export function checkProps(path: string, props: BackgroundRemovalProps): void {
  checkShape(path, props);
  const { maxConcurrency, uploadsPerMinute, webhook } = props;
  const check = <T>(name: string, reader: Reader<T>, value: unknown) =>
    value === undefined ? undefined : read(reader, `${name} of ${path}`, value);
  const nameOf = (name: SettingName) => SETTINGS[name].prop ?? name;
  const given: Given = {};
  for (const name of SETTING_NAMES) {
    const { prop, unit, reader }: Setting<SettingName, unknown> = SETTINGS[name];
    const value = prop && known(props[prop], unit);
    // Buckets and secrets have been checked where they were made; here it counts that they are given.
    if (isObject(value)) given[name] = true;
    else given[name] = check(unit === undefined ? nameOf(name) : `${prop}, in ${unit},`, reader, value);
  }
  check('maxConcurrency', OTHERS.maxConcurrency, known(maxConcurrency));
  check('webhook.reservedConcurrency', OTHERS.reservedConcurrency, known(webhook?.reservedConcurrency));
  refuseConflicts(given, (name) => `${nameOf(name)} of ${path}`, nameOf);
  refuseUnknown(path, props);
  if (uploadsPerMinute === undefined) return;
  if (maxConcurrency !== undefined) {
    throw new SettingError(`Give either maxConcurrency or uploadsPerMinute of ${path}, not both: each sets the pace.`);
  }
}

/** Refuses what must be known at synth and is not, such as the value of a CfnParameter. @throws SettingError */
function refuseUnknown(path: string, props: BackgroundRemovalProps): void {
  const { uploadsPerMinute, uploadsSuffixes, expectedTime, webhook } = props;
  const refuse = (prop: string, because: string) => {
    throw new SettingError(`${prop} of ${path} must be known at synth, because ${because}.`);
  };
  if (Token.isUnresolved(uploadsPerMinute)) refuse('uploadsPerMinute', 'the pace is computed from it');
  if (Token.isUnresolved(uploadsSuffixes)) refuse('uploadsSuffixes', 'each ending is a pattern of its own');
  if (webhook && expectedTime?.isUnresolved()) {
    refuse('expectedTime', 'with webhook, how long a callback is waited for is computed from it');
  }
}

/** What of a value is known at synth: of a Duration its number of units, of a list the items that are. */
function known(value: unknown, unit?: 'seconds' | 'minutes'): unknown {
  if (value === undefined || Token.isUnresolved(value)) return undefined;
  if (unit !== undefined) {
    const duration = value as Duration;
    if (duration.isUnresolved()) return undefined;
    return unit === 'seconds' ? duration.toSeconds({ integral: false }) : duration.toMinutes({ integral: false });
  }
  if (!Array.isArray(value)) return value;
  const items = value.filter((item) => !Token.isUnresolved(item));
  return items.length === 0 && value.length > 0 ? undefined : items;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
