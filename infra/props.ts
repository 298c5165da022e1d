import { type Duration, RemovalPolicy, Token } from 'aws-cdk-lib';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import {
  expectedSeconds,
  gatewayOrigin,
  maxConcurrency,
  prefix,
  type Reader,
  reservedConcurrency,
  resultHosts,
  SettingError,
  suffixes,
  timeoutMinutes,
  uploadsPerMinute,
} from './checks.ts';
import type { WebhookProps } from './webhook.ts';

export interface BackgroundRemovalProps {
  /**
   * The bucket whose uploads are processed, in the same account and region. One that is made in this app is told to send its events
   * to EventBridge; one that is imported is not touched, and must do so already. If it is encrypted with a KMS key, its
   * `encryptionKey` must be known (`Bucket.fromBucketAttributes`).
   * @default - a new, private, versioned bucket
   */
  readonly uploads?: IBucket | undefined;
  /**
   * The bucket for the results, in the same account and region; may be that of the uploads, if neither prefix begins with
   * the other. If it is encrypted with a KMS key, its `encryptionKey` must be known: all that is written names it, as
   * bucket policies may want it. Only what Step Functions writes to `backfills/` cannot.
   * @default - a new, private, versioned bucket
   */
  readonly results?: IBucket | undefined;
  /**
   * Only objects whose key begins so are processed. At most 512 bytes, none of `\ { } ^ % [ ] " < > ~ # | * ?` and the
   * backtick, and no leading `/`.
   * @default '' - all
   */
  readonly uploadsPrefix?: string | undefined;
  /**
   * Only objects whose key ends in one of these are processed, such as `['.jpg', '.png']`; upper and lower case differ.
   * What is started by other workflows is not held to it.
   * @default - all
   */
  readonly uploadsSuffixes?: string[] | undefined;
  /**
   * What the keys of results begin with, in place of the uploads prefix; same limits as that.
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
   * Hosts that results may be fetched from over https: `host`, `*.domain`, or a literal origin.
   * @default ['*.r2.dev']
   */
  readonly resultHosts?: string[] | undefined;
  /**
   * What hardly any removal takes less than: the first wait, in whole seconds, at most an hour and shorter than `timeout`.
   * Further looks follow every 5 s, and less often after four minutes. With `webhook`, a callback is waited for twice as
   * long, and at least five minutes.
   * @default Duration.seconds(5)
   */
  readonly expectedTime?: Duration | undefined;
  /**
   * How long a job may take from its acceptance by the gateway, in whole minutes, from 1 minute to 6 hours.
   * @default Duration.minutes(90)
   */
  readonly timeout?: Duration | undefined;
  /**
   * How many batches of 10 uploads are started at once, from 2 to 1,000. An error beside `uploadsPerMinute`.
   * @default 5
   */
  readonly maxConcurrency?: number | undefined;
  /**
   * How many uploads are started a minute at most, from 6 to 18,000, for a gateway that limits the rate of requests: an
   * image makes one request when it is submitted, and one for each look at its status. Whatever else starts executions
   * is not counted. To be known at synth.
   * @default - as many as `maxConcurrency` allows, some 300 a second
   */
  readonly uploadsPerMinute?: number | undefined;
  /**
   * Lets the gateway call back when a job ends, instead of being asked for ever.
   * @default - polling
   */
  readonly webhook?: WebhookProps | undefined;
  /**
   * A bucket with S3 Inventory reports, in CSV, in the same account and region, from which a backfill can take its list in place of listing the uploads.
   * @default - backfills list the uploads
   */
  readonly inventory?: IBucket | undefined;
  /**
   * Where alarms go.
   * @default - they only show in the console
   */
  readonly alarmTopic?: ITopic | undefined;
  /**
   * What becomes of the buckets and the secret made here when they leave the stack: RETAIN, or DESTROY, which deletes
   * their content too. An error if all three are given, because then nothing is made here.
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy | undefined;
}

/** Refuses props that cannot be used, by name. What is known only at deployment is not looked at. @throws SettingError */
export function checkProps(path: string, props: BackgroundRemovalProps): void {
  const check = <T>(name: string, value: unknown, reader: Reader<T>) => {
    if (value !== undefined && !Token.isUnresolved(value)) reader(`${name} of ${path}`, value);
  };
  const checkList = <T>(name: string, list: string[] | undefined, reader: Reader<T>) => {
    const known = list?.filter((item) => !Token.isUnresolved(item));
    if (known !== undefined && (known.length > 0 || list?.length === 0)) check(name, known, reader);
  };
  const known = (duration: Duration | undefined) => (duration?.isUnresolved() ? undefined : duration);
  const expectedTime = known(props.expectedTime);
  const timeout = known(props.timeout);
  check('uploadsPrefix', props.uploadsPrefix, prefix);
  checkList('uploadsSuffixes', props.uploadsSuffixes, suffixes);
  check('resultsPrefix', props.resultsPrefix, prefix);
  check('gatewayUrl', props.gatewayUrl, gatewayOrigin);
  checkList('resultHosts', props.resultHosts, resultHosts);
  check('expectedTime, in seconds,', expectedTime?.toSeconds({ integral: false }), expectedSeconds);
  check('timeout, in minutes,', timeout?.toMinutes({ integral: false }), timeoutMinutes);
  check('maxConcurrency', props.maxConcurrency, maxConcurrency);
  if (Token.isUnresolved(props.uploadsPerMinute))
    throw new SettingError(`uploadsPerMinute of ${path} must be known at synth.`);
  check('uploadsPerMinute', props.uploadsPerMinute, uploadsPerMinute);
  if (props.maxConcurrency !== undefined && props.uploadsPerMinute !== undefined) {
    throw new SettingError(`Give either maxConcurrency or uploadsPerMinute of ${path}, not both: each sets the pace.`);
  }
  check('webhook.reservedConcurrency', props.webhook?.reservedConcurrency, reservedConcurrency);
  const { removalPolicy } = props;
  if (expectedTime && timeout && expectedTime.toSeconds() >= timeout.toSeconds()) {
    throw new SettingError(
      `expectedTime of ${path} must be shorter than timeout, or every job would be given up at its first check.`,
    );
  }
  if (removalPolicy === undefined) return;
  if (removalPolicy !== RemovalPolicy.RETAIN && removalPolicy !== RemovalPolicy.DESTROY) {
    throw new SettingError(`removalPolicy of ${path} must be RETAIN or DESTROY, but it is ${removalPolicy}.`);
  }
  if (props.uploads && props.results && props.apiKeySecret) {
    throw new SettingError(
      `removalPolicy of ${path} has no effect with uploads, results and apiKeySecret, because nothing is made here ` +
        'that it could be applied to. Drop it, and set it where they are made.',
    );
  }
}
