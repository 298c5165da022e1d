import { Duration, Resource, Stage } from 'aws-cdk-lib';
import type { Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Match, type OnEventOptions, Rule } from 'aws-cdk-lib/aws-events';
import type { Grant, IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { S3_KEEP_NOTIFICATION_IN_IMPORTED_BUCKET } from 'aws-cdk-lib/cx-api';
import { Construct } from 'constructs';
import type { ErrorName } from '../functions/errors.ts';
import { Backfill } from './backfill/backfill.ts';
import { emptySecret } from './parts/api-key.ts';
import { ImageBucket } from './parts/bucket.ts';
import { BucketAccess, type Deployment } from './parts/bucket-access.ts';
import { sendEvents } from './parts/events.ts';
import { refuseLongPattern } from './parts/limits.ts';
import { type OwnMetricName, ownMetric } from './parts/metrics.ts';
import { Monitoring } from './parts/monitoring.ts';
import { uniqueName } from './parts/names.ts';
import { DailyLimit } from './pipeline/daily-limit.ts';
import { Failures } from './pipeline/failures.ts';
import { Intake } from './pipeline/intake.ts';
import { KeepPause, PauseAccess } from './pipeline/pause.ts';
import { Removal } from './pipeline/removal.ts';
import { FAILURES, statusChange } from './pipeline/status-change.ts';
import { Webhook } from './pipeline/webhook.ts';
import { type BackgroundRemovalProps, checkProps, refuseGivenElsewhere } from './props.ts';
import { type Neighbour, refuseNeighbour, refuseSharedBucket } from './settings/conflicts.ts';
import { SettingError } from './settings/readers.ts';
import { DEFAULTS } from './settings/table.ts';

/**
 * Removes the background of every image that is uploaded to a bucket, and puts the result into another one.
 *
 * Other workflows start executions of its state machine. Input: `{bucket, key, versionId?, etag?}` or
 * `{imageUrl, resultKey}`. Output: `{status: 'DELIVERED' | 'SUPERSEDED', requestId, source, results}`. Error: one of the
 * names in docs/errors.md.
 *
 * @throws SettingError for props that cannot be used, by name.
 */
export class BackgroundRemoval extends Construct {
  readonly uploads: IBucket;
  readonly results: IBucket;
  /** The secret whose text is the gateway's API key; without a value, every execution fails with ApiKeyNotSet. */
  readonly apiKeySecret: ISecret;
  /** Removes the background of one image. */
  readonly stateMachine: StateMachine;
  /** Submits everything in the uploads bucket that has no result. Input: `{prefix?, dryRun?, maxImages?, …}`. */
  readonly backfillStateMachine: StateMachine;
  /** In webhook mode: where the gateway calls back. */
  readonly callbackUrl: string | undefined;
  /** With `imagesPerDay`: the count of submissions of each day (UTC), by its date. */
  readonly dailyLimitTable: ITable | undefined;
  /** Upload events that wait for their execution to be started. */
  readonly queue: IQueue;
  /** Upload events that could not be processed. */
  readonly deadLetterQueue: IQueue;
  /** With `pause`: id of the event source mapping that takes uploads from the queue, and is disabled during a pause. */
  readonly uploadsEventSourceMapping: string | undefined;
  readonly #deployment: string;
  readonly #neighbour: Neighbour;

  constructor(scope: Construct, id: string, props: BackgroundRemovalProps = {}) {
    super(scope, id);
    // Where a notification is added to a bucket made here, the CDK's custom resource keeps the others, also when it is
    // deleted. Without this flag it leaves none, and EventBridge hears of no upload any more.
    this.node.setContext(S3_KEEP_NOTIFICATION_IN_IMPORTED_BUCKET, true);
    checkProps(this.node.path, props);
    refuseGivenElsewhere(this, props);
    const { removalPolicy, uploadsSuffixes } = props;
    this.uploads = props.uploads ?? new ImageBucket(this, 'Uploads', { events: true, removalPolicy });
    // An imported bucket has notifications that nobody here knows of, and that this would replace.
    if (Resource.isOwnedResource(this.uploads)) sendEvents(this.uploads);
    this.results = props.results ?? new ImageBucket(this, 'Results', { removalPolicy });
    this.apiKeySecret = props.apiKeySecret ?? emptySecret(this, removalPolicy);
    const deployment = uniqueName(this, 64);
    this.#deployment = deployment;
    const uploads = new BucketAccess(this.uploads, props.uploadsPrefix ?? DEFAULTS.uploadsPrefix);
    const results = new BucketAccess(this.results, props.resultsPrefix ?? DEFAULTS.resultsPrefix);
    refuseSharedBucket({ uploads, results });
    this.#neighbour = { path: this.node.path, uploads, results, uploadsSuffixes };
    this.refuseNeighbours();
    const shared = { deployment, uploads, results };

    const pause = (props.pause ?? DEFAULTS.pause) ? new PauseAccess(results) : undefined;
    const { stateMachine, webhook, dailyLimit } = this.makeRemoval({ ...shared, pause }, props);
    this.callbackUrl = webhook?.url;
    this.dailyLimitTable = dailyLimit?.table;
    this.stateMachine = stateMachine;
    const intake = new Intake(this, 'Intake', {
      ...{ ...shared, pause, stateMachine },
      uploadsSuffixes,
      maxConcurrency: props.maxConcurrency,
      uploadsPerMinute: props.uploadsPerMinute,
    });
    this.queue = intake.queue;
    if (pause) {
      new KeepPause(this, 'KeepPause', { ...shared, pause, stateMachine, eventSource: intake.eventSource });
      this.uploadsEventSourceMapping = intake.eventSource.eventSourceMappingId;
    }
    this.deadLetterQueue = intake.deadLetterQueue;
    const failures = new Failures(this, 'Failures', { ...shared, stateMachine });
    const backfill = new Backfill(this, 'Backfill', {
      ...shared,
      removal: stateMachine,
      queue: intake.queue,
      deadLetterQueue: intake.deadLetterQueue,
      uploadsSuffixes,
      timeout: timeoutOf(props),
    });
    this.backfillStateMachine = backfill.stateMachine;
    new Monitoring(this, 'Monitoring', {
      deployment,
      stateMachine,
      queue: intake.queue,
      deadLetterQueue: intake.deadLetterQueue,
      failureDeadLetterQueue: failures.deadLetterQueue,
      imagesPerDay: props.imagesPerDay,
      pauses: pause !== undefined,
      alarmDollarsPerDay: props.alarmDollarsPerDay ?? DEFAULTS.alarmDollarsPerDay,
      alarmTopic: props.alarmTopic,
    });
  }

  /**
   * Lets a principal start executions of the state machine, each of which costs what an image costs at the gateway. A
   * function or role in the stack of a given bucket would make that stack and this one need each other: put it elsewhere.
   *
   * A role that was imported with `mutable: false` is left as it is: allow it `states:StartExecution` yourself.
   *
   * @throws SettingError if the principal has no policy of its own, as a service
   */
  grantStart(grantee: IGrantable): Grant {
    const grant = this.stateMachine.grantStartExecution(grantee);
    if (grant.success) return grant;
    throw new SettingError(
      `${grantee.grantPrincipal} cannot be granted the start of executions of ${this.node.path}, because it has no ` +
        'policy of its own. Give a role or a function.',
    );
  }

  /**
   * A rule for images that have been delivered. Its event is Step Functions' "Execution Status Change", in whose
   * `detail.input` and `detail.output` the execution's input and output stand as JSON texts. AWS delivers it at best
   * effort: if you cannot miss any, also watch the results bucket's events.
   *
   * @param options Fields of its `eventPattern` replace those of the rule's own pattern.
   */
  onDelivered(id: string, options: OnEventOptions = {}): Rule {
    // A superseded execution succeeds, too. Quotes within a text are escaped, so that no key can look like it.
    const output = Match.anythingButWildcard('*"status":"SUPERSEDED"*');
    return this.onStatusChange(id, { status: ['SUCCEEDED'], output }, options);
  }

  /**
   * A rule for executions that failed, timed out or were aborted. Its event is Step Functions' "Execution Status
   * Change": `detail.error` is a name of docs/errors.md, or AWS's for a crash; `detail.cause` says more. AWS delivers it
   * at best effort; the alarm `Failed` rests on metrics.
   *
   * @param options Fields of its `eventPattern` replace those of the rule's own pattern.
   */
  onFailed(id: string, options: OnEventOptions = {}): Rule {
    return this.onStatusChange(id, { status: FAILURES }, options);
  }

  private makeRemoval(shared: Deployment & { pause: PauseAccess | undefined }, props: BackgroundRemovalProps) {
    const { imagesPerDay } = props;
    const webhook = props.webhook && new Webhook(this, 'Webhook', { ...props.webhook, ...shared });
    const dailyLimit = imagesPerDay === undefined ? undefined : new DailyLimit(this, 'DailyLimit', { imagesPerDay });
    const { stateMachine } = new Removal(this, 'Workflow', {
      ...shared,
      webhook,
      dailyLimit,
      apiKeySecret: this.apiKeySecret,
      gatewayUrl: props.gatewayUrl ?? DEFAULTS.gatewayUrl,
      resultHosts: props.resultHosts ?? DEFAULTS.resultHosts,
      expectedTime: props.expectedTime ?? Duration.seconds(DEFAULTS.expectedSeconds),
      timeout: timeoutOf(props),
      imageFormats: props.imageFormats ?? DEFAULTS.imageFormats,
      maxMegapixels: props.maxMegapixels ?? DEFAULTS.maxMegapixels,
    });
    return { stateMachine, webhook, dailyLimit };
  }

  private refuseNeighbours(): void {
    // Of one stage: what another stage has is another environment, where a name may stand for another bucket.
    const stage = Stage.of(this);
    for (const other of (stage ?? this.node.root).node.findAll()) {
      const isNeighbour = other instanceof BackgroundRemoval && other !== this && Stage.of(other) === stage;
      if (isNeighbour) refuseNeighbour(this.#neighbour, other.#neighbour);
    }
  }

  private onStatusChange(id: string, detail: Record<string, unknown>, options: OnEventOptions): Rule {
    const { target, eventPattern, ...props } = options;
    // In one pattern: of two, the CDK would make one that matches what either does.
    const own = statusChange(this.stateMachine, detail);
    const pattern = { ...own, ...eventPattern, detail: { ...own.detail, ...eventPattern?.detail } };
    refuseLongPattern(this, 'eventPattern', `${this.node.path}/${id}`, pattern);
    const rule = new Rule(this, id, { ...props, eventPattern: pattern });
    if (target) rule.addTarget(target);
    return rule;
  }

  /** A metric of this deployment by name. @default Sum over 5 minutes */
  metric(metricName: OwnMetricName, options?: MetricOptions): Metric {
    return ownMetric(this, this.#deployment, metricName, options);
  }

  /** Uploads whose execution was started. @default Sum over 5 minutes */
  metricUploads(options?: MetricOptions): Metric {
    return this.metric('Uploads', options);
  }

  /** Submissions that the gateway accepted: what is paid for, less those that end in ERROR. @default Sum over 5 minutes */
  metricSubmissions(options?: MetricOptions): Metric {
    return this.metric('Submissions', options);
  }

  /** Images whose cutout was stored. @default Sum over 5 minutes */
  metricDelivered(options?: MetricOptions): Metric {
    return this.metric('Delivered', options);
  }

  /** Images that were overwritten while they were under way. @default Sum over 5 minutes */
  metricSuperseded(options?: MetricOptions): Metric {
    return this.metric('Superseded', options);
  }

  /** Milliseconds from upload to cutout. @default 95th percentile over 5 minutes */
  metricUploadToCutout(options?: MetricOptions): Metric {
    return this.metric('UploadToCutout', { statistic: 'p95', ...options });
  }

  /**
   * Executions that failed: of all errors as Step Functions counts them, or of one as report-failure does.
   * @default Sum over 5 minutes
   */
  metricFailed(error?: ErrorName, options?: MetricOptions): Metric {
    if (error === undefined) return this.stateMachine.metricFailed(options);
    const { dimensionsMap, ...others } = options ?? {};
    return this.metric('Failed', { ...others, dimensionsMap: { ...dimensionsMap, error } });
  }
}

function timeoutOf({ timeout }: BackgroundRemovalProps): Duration {
  return timeout ?? Duration.minutes(DEFAULTS.timeoutMinutes);
}
