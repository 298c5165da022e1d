import { ArnFormat, Duration, RemovalPolicy, Resource, Stack, Token, Tokenization } from 'aws-cdk-lib';
import type { Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { EventField, Match, type OnEventOptions, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { type Grant, type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { ViaServicePrincipal } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { CfnSecret, type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { ErrorName } from '../functions/errors.ts';
import { Backfill } from './backfill.ts';
import { BucketAccess } from './bucket-access.ts';
import { ImageBucket } from './buckets.ts';
import { refuseOverlap } from './checks.ts';
import { EventQueue } from './event-queue.ts';
import { BundledFunction, FUNCTION_TIMEOUT } from './functions.ts';
import { type OwnMetricName, ownMetric } from './metrics.ts';
import { Monitoring } from './monitoring.ts';
import { accept } from './nag.ts';
import { uniqueName } from './names.ts';
import { paceOf } from './pace.ts';
import { type BackgroundRemovalProps, checkProps } from './props.ts';
import { Webhook } from './webhook.ts';
import { Workflow } from './workflow.ts';

/** How an execution ends that has delivered nothing. */
const FAILURES = ['FAILED', 'TIMED_OUT', 'ABORTED'];
/** How long a callback is waited for at least, before the polling begins. */
const CALLBACK_TIMEOUT = Duration.minutes(5);
/** Timeout of on-upload; the queue's visibility timeout follows from it. */
const TRIGGER_TIMEOUT = Duration.seconds(30);

/**
 * Removes the background of every image that is uploaded to a bucket, and puts the result into another one.
 *
 * Other workflows start executions of its state machine. Input: `{bucket, key, versionId?, etag?}` or
 * `{imageUrl, resultKey}`. Output: `{status: 'DELIVERED' | 'SUPERSEDED', requestId, source, results}`. Error: one of the
 * names in README.
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
  /** Upload events that wait for their execution to be started. */
  readonly queue: IQueue;
  /** Upload events that could not be processed. */
  readonly deadLetterQueue: IQueue;
  readonly #deployment: string;

  constructor(scope: Construct, id: string, props: BackgroundRemovalProps = {}) {
    super(scope, id);
    checkProps(this.node.path, props);
    const { removalPolicy, uploadsPrefix = '', resultsPrefix = '', expectedTime = Duration.seconds(5) } = props;
    this.uploads = props.uploads ?? new ImageBucket(this, 'Uploads', { events: true, removalPolicy });
    // One that is imported has notifications that nobody here knows of, and that this would replace.
    if (props.uploads && Resource.isOwnedResource(props.uploads)) props.uploads.enableEventBridgeNotification();
    this.results = props.results ?? new ImageBucket(this, 'Results', { removalPolicy });
    const names = { uploadsBucket: this.uploads.bucketName, resultsBucket: this.results.bucketName };
    refuseOverlap({ ...names, uploadsPrefix, resultsPrefix });
    this.apiKeySecret = props.apiKeySecret ?? this.emptySecret(removalPolicy);

    const deployment = uniqueName(this, 64);
    this.#deployment = deployment;
    const timeoutMinutes = text((props.timeout ?? Duration.minutes(90)).toMinutes());
    const buckets = {
      UPLOADS_BUCKET: this.uploads.bucketName,
      UPLOADS_PREFIX: uploadsPrefix,
      RESULTS_BUCKET: this.results.bucketName,
      RESULTS_PREFIX: resultsPrefix,
    };
    const gateway = {
      GATEWAY_URL: props.gatewayUrl ?? 'https://gateway.pixazo.ai',
      API_KEY_SECRET_ARN: this.apiKeySecret.secretArn,
    };
    // Whoever writes into the results bucket names its key: bucket policies may insist on it.
    const kmsKey = this.results.encryptionKey?.keyArn;
    const encryption: Record<string, string> = kmsKey === undefined ? {} : { RESULTS_KMS_KEY: kmsKey };
    const uploads = new BucketAccess(this.uploads, uploadsPrefix);
    const results = new BucketAccess(this.results, resultsPrefix);
    const errorFiles = (...actions: string[]) => results.objects(actions, '*.error.json');

    const webhook = props.webhook && new Webhook(this, 'Webhook', { ...props.webhook, deployment });
    this.callbackUrl = webhook?.url;
    const submit = new BundledFunction(this, 'Submit', {
      bundle: 'submit',
      deployment,
      description: 'Looks at an image, presigns its URL and submits it to the gateway',
      environment: {
        ...webhook?.environment,
        ...buckets,
        ...gateway,
        TIMEOUT_MINUTES: timeoutMinutes,
        EXPECTED_SECONDS: text(expectedTime.toSeconds()),
      },
      // GetObjectVersion is what a presigned URL of a version needs of its signer.
      permissions: [
        uploads.objects(['s3:GetObject', 's3:GetObjectVersion']),
        uploads.list(),
        ...uploads.decrypt(),
        ...(webhook ? [webhook.noteSubmissions] : []),
      ],
    });
    const checkStatus = new BundledFunction(this, 'CheckStatus', {
      bundle: 'check-status',
      deployment,
      description: 'Asks the gateway where a job stands',
      environment: { ...gateway, TIMEOUT_MINUTES: timeoutMinutes },
      permissions: [],
    });
    const deliver = new BundledFunction(this, 'Deliver', {
      bundle: 'deliver',
      deployment,
      description: 'Streams a result from the CDN into the results bucket',
      environment: {
        ...buckets,
        ...encryption,
        ...gateway,
        RESULT_HOSTS: (props.resultHosts ?? ['*.r2.dev']).join(','),
      },
      // 4 parts of 8 MB in flight, and the share of a CPU and of the network that comes with the memory.
      memorySize: 512,
      // Two downloads of up to 4 minutes, and between them a status request.
      timeout: Duration.minutes(9),
      permissions: [
        uploads.objects(['s3:GetObject']),
        uploads.list(),
        results.objects(['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload']),
        errorFiles('s3:DeleteObject'),
        results.list(),
        ...results.encryptParts(),
      ],
    });
    for (const caller of [submit, checkStatus, deliver]) this.allowToReadApiKey(caller);
    const callback = webhook && {
      table: webhook.table,
      timeout: Duration.seconds(Math.max(CALLBACK_TIMEOUT.toSeconds(), 2 * expectedTime.toSeconds())),
    };
    this.stateMachine = new Workflow(this, 'Workflow', {
      submit,
      checkStatus,
      deliver,
      callback,
    }).stateMachine;
    webhook?.allowToWake(this.stateMachine);

    const intake = new EventQueue(this, 'Intake', {
      description: 'Uploads that want their background removed',
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: {
          bucket: { name: [this.uploads.bucketName] },
          ...keyPattern(uploadsPrefix, props.uploadsSuffixes),
        },
      },
      functionTimeout: TRIGGER_TIMEOUT,
    });
    this.queue = intake.queue;
    this.deadLetterQueue = intake.deadLetterQueue;
    const pace = paceOf(props);
    const onUpload = new BundledFunction(this, 'OnUpload', {
      bundle: 'on-upload',
      deployment,
      description: 'Starts one execution for each uploaded object version',
      environment: {
        STATE_MACHINE_ARN: this.stateMachine.stateMachineArn,
        MS_PER_UPLOAD: String(pace.msPerUpload),
        // Throttled starts are tried again for 15 s at most, and so within the function's timeout; the SDK's default of 3
        // attempts would send many uploads of a burst back to the queue, for minutes.
        AWS_MAX_ATTEMPTS: '5',
      },
      timeout: TRIGGER_TIMEOUT,
      permissions: [{ actions: ['states:StartExecution'], resources: [this.stateMachine.stateMachineArn] }],
    });
    intake.deliverTo(onUpload, pace);

    this.backfillStateMachine = new Backfill(this, 'Backfill', {
      deployment,
      removal: this.stateMachine,
      uploads,
      results,
      inventory: props.inventory,
      environment: { ...buckets, ...encryption, UPLOADS_SUFFIXES: (props.uploadsSuffixes ?? []).join(',') },
    }).stateMachine;

    const failures = new EventQueue(this, 'Failures', {
      description: 'Executions that failed, timed out or were aborted',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: { stateMachineArn: [this.stateMachine.stateMachineArn], status: FAILURES },
      },
      // Not the execution's input, in which the query of an image URL may be a signature.
      message: RuleTargetInput.fromObject({ detail: { executionArn: EventField.fromPath('$.detail.executionArn') } }),
      functionTimeout: FUNCTION_TIMEOUT,
    });
    const reportFailure = new BundledFunction(this, 'ReportFailure', {
      bundle: 'report-failure',
      deployment,
      description: 'Writes <key>.error.json for an execution that failed',
      environment: { ...buckets, ...encryption },
      permissions: [
        {
          actions: ['states:DescribeExecution', 'states:GetExecutionHistory'],
          resources: [this.executionArns()],
          wildcard: 'All executions of this state machine, and of no other.',
        },
        uploads.objects(['s3:GetObject']),
        uploads.list(),
        results.objects(['s3:GetObject']),
        errorFiles('s3:PutObject', 's3:DeleteObject'),
        results.list(),
        ...results.encrypt(),
      ],
    });
    // Step Functions answers about 15 of these calls a second, and an empty wallet fails thousands of executions at once.
    failures.deliverTo(reportFailure, { batchSize: 1, maxConcurrency: 2 });

    new Monitoring(this, 'Monitoring', {
      deployment,
      stateMachine: this.stateMachine,
      queue: intake.queue,
      deadLetterQueue: this.deadLetterQueue,
      failureDeadLetterQueue: failures.deadLetterQueue,
      alarmTopic: props.alarmTopic,
    });
  }

  /** Lets a principal start executions of the state machine, each of which costs what an image costs at the gateway. */
  grantStart(grantee: IGrantable): Grant {
    return this.stateMachine.grantStartExecution(grantee);
  }

  /**
   * A rule for images that have been delivered. Its event is Step Functions' "Execution Status Change", in whose
   * `detail.input` and `detail.output` the execution's input and output stand as JSON texts. AWS delivers it at best
   * effort; who must not miss any looks at the results bucket's own events, too.
   *
   * @param options What its `eventPattern` says of a field takes the place of what is said here.
   */
  onDelivered(id: string, options: OnEventOptions = {}): Rule {
    // What was overwritten meanwhile succeeds, too. Quotes within a text are escaped, so that no key can look like it.
    const output = Match.anythingButWildcard('*"status":"SUPERSEDED"*');
    return this.onStatusChange(id, { status: ['SUCCEEDED'], output }, options);
  }

  /**
   * A rule for executions that failed, timed out or were aborted. Its event is Step Functions' "Execution Status
   * Change": `detail.error` is a name of README's table, or AWS's for a crash; `detail.cause` says more. AWS delivers it
   * at best effort; the alarm `Failed` rests on metrics.
   *
   * @param options What its `eventPattern` says of a field takes the place of what is said here.
   */
  onFailed(id: string, options: OnEventOptions = {}): Rule {
    return this.onStatusChange(id, { status: FAILURES }, options);
  }

  private onStatusChange(id: string, detail: Record<string, unknown>, options: OnEventOptions): Rule {
    const { target, eventPattern, ...props } = options;
    const rule = new Rule(this, id, props);
    // In one pattern: of two, the CDK would make one that matches what either does.
    rule.addEventPattern({
      source: ['aws.states'],
      detailType: ['Step Functions Execution Status Change'],
      ...eventPattern,
      detail: { stateMachineArn: [this.stateMachine.stateMachineArn], ...detail, ...eventPattern?.detail },
    });
    if (target) rule.addTarget(target);
    return rule;
  }

  /** A metric of this deployment by name. @default Sum over 5 minutes */
  metric(metricName: OwnMetricName, options?: MetricOptions): Metric {
    return ownMetric(this.#deployment, metricName, options);
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

  private emptySecret(removalPolicy: RemovalPolicy | undefined): ISecret {
    // Without a value: the higher construct would generate a password, and that would be sent to the gateway as a key.
    const secret = new CfnSecret(this, 'ApiKey', { description: 'API key of the Pixazo gateway, as plain text' });
    secret.applyRemovalPolicy(removalPolicy ?? RemovalPolicy.RETAIN);
    accept(secret, 'AwsSolutions-SMG4', 'The key is issued by the gateway; Secrets Manager cannot rotate it.');
    return Secret.fromSecretCompleteArn(this, 'ApiKeySecret', secret.ref);
  }

  /** Less than `grantRead`, which permits secretsmanager:DescribeSecret too. */
  private allowToReadApiKey({ ownRole }: BundledFunction): void {
    const { secretArn, secretFullArn, encryptionKey } = this.apiKeySecret;
    // A complete ARN ends in six characters that Secrets Manager chose.
    const resources = [secretFullArn ?? `${secretArn}-??????`];
    ownRole.addToPolicy(new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources }));
    const secretsManager = `secretsmanager.${Stack.of(this).region}.amazonaws.com`;
    encryptionKey?.grantDecrypt(new ViaServicePrincipal(secretsManager, ownRole));
  }

  private executionArns(): string {
    return Stack.of(this).formatArn({
      service: 'states',
      resource: 'execution',
      resourceName: `${this.stateMachine.stateMachineName}:*`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  }
}

/** A number as text, also one that is known only at deployment. */
function text(number: number): string {
  return Token.isUnresolved(number) ? Tokenization.stringifyNumber(number) : String(number);
}

/** What an event's key must look like. A wildcard, because prefix and suffix side by side would mean either. */
function keyPattern(prefix: string, suffixes: string[] = ['']): object {
  if (prefix === '' && suffixes.includes('')) return {};
  const key = suffixes.flatMap((suffix): (string | object)[] => {
    if (suffix === '') return [{ prefix }];
    return prefix === '' ? [{ suffix }] : [{ wildcard: `${prefix}*${suffix}` }, ...overlaps(prefix, suffix)];
  });
  return { object: { key } };
}

/** Keys of which prefix and suffix share a part, such as `a/b.jpg` of `a/` and `/b.jpg`, which no wildcard matches. */
function overlaps(prefix: string, suffix: string): string[] {
  const shared = [...suffix].map((_, index) => index + 1).filter((length) => prefix.endsWith(suffix.slice(0, length)));
  return shared.map((length) => prefix + suffix.slice(length));
}
