import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match } from 'aws-cdk-lib/aws-events';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { CfnSecret, type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ImageBucket } from './buckets.ts';
import { EventQueue } from './event-queue.ts';
import { BundledFunction, FUNCTION_TIMEOUT, type Permission } from './functions.ts';
import { Monitoring } from './monitoring.ts';
import { accept } from './nag.ts';
import { uniqueName } from './names.ts';
import { refuseOverlap } from './settings.ts';
import { Webhook, type WebhookProps } from './webhook.ts';
import { Workflow } from './workflow.ts';

export interface BackgroundRemovalProps {
  /**
   * An existing bucket whose uploads are processed. It must send its events to EventBridge.
   * @default - a new, private, versioned bucket
   */
  readonly uploads?: IBucket;
  /**
   * An existing bucket for the results.
   * @default - a new, private, versioned bucket
   */
  readonly results?: IBucket;
  /**
   * Only objects whose key begins so are processed.
   * @default '' - all
   */
  readonly uploadsPrefix?: string;
  /**
   * What the keys of results begin with, in place of the uploads prefix.
   * @default ''
   */
  readonly resultsPrefix?: string;
  /**
   * An existing secret whose text is the gateway's API key.
   * @default - a new secret without a value
   */
  readonly apiKeySecret?: ISecret;
  /**
   * Origin of the gateway; the documented paths are appended.
   * @default 'https://gateway.pixazo.ai'
   */
  readonly gatewayUrl?: string;
  /**
   * Hosts that results may be fetched from over https: `host`, `*.domain`, or a literal origin.
   * @default ['*.r2.dev']
   */
  readonly resultHosts?: string[];
  /**
   * How long a removal usually takes: the first wait, in whole seconds.
   * @default Duration.seconds(10)
   */
  readonly expectedTime?: Duration;
  /**
   * How long a job may take from its acceptance by the gateway, in whole minutes, at most 6 hours.
   * @default Duration.minutes(90)
   */
  readonly timeout?: Duration;
  /**
   * How many batches of 10 uploads are started at once, from 2 to 1,000.
   * @default 5
   */
  readonly maxConcurrency?: number;
  /**
   * Lets the gateway call back when a job ends, instead of being asked for ever.
   * @default - polling
   */
  readonly webhook?: WebhookProps | undefined;
  /**
   * Where alarms go.
   * @default - they only show in the console
   */
  readonly alarmTopic?: ITopic;
  /**
   * What becomes of the buckets and the secret made here when they leave the stack; DESTROY deletes their content too.
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** How long a callback is waited for at least, before the polling begins. */
const CALLBACK_TIMEOUT = Duration.minutes(5);
/** Timeout of on-upload; the queue's visibility timeout follows from it. */
const TRIGGER_TIMEOUT = Duration.seconds(30);

/** Removes the background of every image that is uploaded to a bucket, and puts the result into another one. */
export class BackgroundRemoval extends Construct {
  readonly uploads: IBucket;
  readonly results: IBucket;
  readonly apiKeySecret: ISecret;
  /** Input: `{bucket, key, versionId?, etag?}` or `{imageUrl, resultKey}`. */
  readonly stateMachine: StateMachine;
  /** In webhook mode: where the gateway calls back. */
  readonly callbackUrl: string | undefined;
  /** Upload events that wait for their execution to be started. */
  readonly queue: IQueue;
  /** Upload events that could not be processed. */
  readonly deadLetterQueue: IQueue;

  constructor(scope: Construct, id: string, props: BackgroundRemovalProps = {}) {
    super(scope, id);
    const { removalPolicy, uploadsPrefix = '', resultsPrefix = '', expectedTime = Duration.seconds(10) } = props;
    this.uploads = props.uploads ?? new ImageBucket(this, 'Uploads', { events: true, removalPolicy });
    this.results = props.results ?? new ImageBucket(this, 'Results', { removalPolicy });
    const names = { uploadsBucket: this.uploads.bucketName, resultsBucket: this.results.bucketName };
    refuseOverlap({ ...names, uploadsPrefix, resultsPrefix });
    this.apiKeySecret = props.apiKeySecret ?? this.emptySecret(removalPolicy);

    const deployment = uniqueName(this, 64);
    const timeoutMinutes = String((props.timeout ?? Duration.minutes(90)).toMinutes());
    const buckets = {
      UPLOADS_BUCKET: this.uploads.bucketName,
      UPLOADS_PREFIX: uploadsPrefix,
      RESULTS_BUCKET: this.results.bucketName,
      RESULTS_PREFIX: resultsPrefix,
    };
    const gateway = {
      GATEWAY_URL: props.gatewayUrl ?? 'https://gateway.pixazo.ai',
      API_KEY_SECRET_ARN: this.apiKeySecret.secretArn,
      TIMEOUT_MINUTES: timeoutMinutes,
    };
    const objects = (bucket: IBucket, actions: string[], keys: string): Permission => ({
      actions,
      resources: [bucket.arnForObjects(keys)],
      wildcard: 'Which objects there will be is not known; those outside the prefix are not included.',
    });
    const uploaded = (...actions: string[]) => objects(this.uploads, actions, `${uploadsPrefix}*`);
    const resulting = (...actions: string[]) => objects(this.results, actions, `${resultsPrefix}*`);
    const errorFiles = (...actions: string[]) => objects(this.results, actions, `${resultsPrefix}*.error.json`);
    // Without it S3 answers 403 for an object that does not exist, and nobody could tell which.
    const tellMissing = (...buckets: IBucket[]): Permission => ({
      actions: ['s3:ListBucket'],
      resources: buckets.map((bucket) => bucket.bucketArn),
    });

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
        EXPECTED_SECONDS: String(expectedTime.toSeconds()),
      },
      // GetObjectVersion is what a presigned URL of a version needs of its signer.
      permissions: [
        uploaded('s3:GetObject', 's3:GetObjectVersion'),
        tellMissing(this.uploads),
        ...(webhook ? [webhook.noteSubmissions] : []),
      ],
    });
    const checkStatus = new BundledFunction(this, 'CheckStatus', {
      bundle: 'check-status',
      deployment,
      description: 'Asks the gateway where a job stands',
      environment: gateway,
      permissions: [],
    });
    for (const caller of [submit, checkStatus]) this.apiKeySecret.grantRead(caller);
    const deliver = new BundledFunction(this, 'Deliver', {
      bundle: 'deliver',
      deployment,
      description: 'Streams a result from the CDN into the results bucket',
      environment: { ...buckets, RESULT_HOSTS: (props.resultHosts ?? ['*.r2.dev']).join(',') },
      // 4 parts of 8 MB in flight, and the share of a CPU and of the network that comes with the memory.
      memorySize: 512,
      timeout: Duration.minutes(5),
      permissions: [
        uploaded('s3:GetObject'),
        resulting('s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'),
        errorFiles('s3:DeleteObject'),
        tellMissing(this.uploads, this.results),
      ],
    });
    const callback = webhook && {
      table: webhook.table,
      timeout: Duration.seconds(Math.max(CALLBACK_TIMEOUT.toSeconds(), 2 * expectedTime.toSeconds())),
    };
    this.stateMachine = new Workflow(this, 'Workflow', { submit, checkStatus, deliver, callback }).stateMachine;
    webhook?.allowToWake(this.stateMachine);

    const intake = new EventQueue(this, 'Intake', {
      description: 'Uploads that want their background removed',
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: {
          bucket: { name: [this.uploads.bucketName] },
          ...(uploadsPrefix !== '' && { object: { key: Match.prefix(uploadsPrefix) } }),
        },
      },
      functionTimeout: TRIGGER_TIMEOUT,
    });
    this.queue = intake.queue;
    this.deadLetterQueue = intake.deadLetterQueue;
    const onUpload = new BundledFunction(this, 'OnUpload', {
      bundle: 'on-upload',
      deployment,
      description: 'Starts one execution for each uploaded object version',
      environment: { STATE_MACHINE_ARN: this.stateMachine.stateMachineArn },
      timeout: TRIGGER_TIMEOUT,
      permissions: [{ actions: ['states:StartExecution'], resources: [this.stateMachine.stateMachineArn] }],
    });
    intake.deliverTo(onUpload, { batchSize: 10, maxConcurrency: props.maxConcurrency ?? 5 });

    const failures = new EventQueue(this, 'Failures', {
      description: 'Executions that failed, timed out or were aborted',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: {
          stateMachineArn: [this.stateMachine.stateMachineArn],
          status: ['FAILED', 'TIMED_OUT', 'ABORTED'],
        },
      },
      functionTimeout: FUNCTION_TIMEOUT,
    });
    const reportFailure = new BundledFunction(this, 'ReportFailure', {
      bundle: 'report-failure',
      deployment,
      description: 'Writes <key>.error.json for an execution that failed',
      environment: buckets,
      permissions: [
        {
          actions: ['states:DescribeExecution', 'states:GetExecutionHistory'],
          resources: [this.executionArns()],
          wildcard: 'All executions of this state machine, and of no other.',
        },
        uploaded('s3:GetObject'),
        resulting('s3:GetObject'),
        errorFiles('s3:PutObject', 's3:DeleteObject'),
        tellMissing(this.uploads, this.results),
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

  private emptySecret(removalPolicy: RemovalPolicy | undefined): ISecret {
    // Without a value: the higher construct would generate a password, and that would be sent to the gateway as a key.
    const secret = new CfnSecret(this, 'ApiKey', { description: 'API key of the Pixazo gateway, as plain text' });
    secret.applyRemovalPolicy(removalPolicy ?? RemovalPolicy.RETAIN);
    accept(secret, 'AwsSolutions-SMG4', 'The key is issued by the gateway; Secrets Manager cannot rotate it.');
    return Secret.fromSecretCompleteArn(this, 'ApiKeySecret', secret.ref);
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
