import { Duration, Lazy, RemovalPolicy } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption, type BucketProps, type CfnBucket } from 'aws-cdk-lib/aws-s3';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { BackgroundRemoval } from '../../infra/background-removal.ts';
import { accept } from '../../infra/parts/nag.ts';
import type { BackgroundRemovalProps } from '../../infra/props.ts';
import { DEFAULTS } from '../../infra/settings/table.ts';
import { CutoutStack, enableEvents } from '../../infra/stack.ts';
import { S3_URL } from '../../local/cloud/options.ts';
import { addCallers } from './callers.ts';
import { SimulatedGateway } from './gateway/construct.ts';
import { putOut, putOutPlaces } from './outputs.ts';
import { shortenTimeout } from './shorten.ts';
import { IMAGES_PER_DAY, RESULTS_PREFIX, SHORT_TIMEOUT_SECONDS, STACK_NAME } from './stack-name.ts';

/**
 * All that is looked at on AWS, in one stack: Cutout as anybody deploys it, with buckets that stay, and with few images a
 * day; and five more removals: one for most cases, one that is called back, encrypted by a customer's key, in a bucket that
 * was there before, and in one bucket with two prefixes. They submit to a gateway that stands in the stack, too.
 *
 * Commands find the stack's own removal by its outputs. It alone pauses and has a limit: an empty wallet in one case would
 * hold back the uploads of all others.
 */
export class IntegStack extends CutoutStack {
  constructor(scope: Construct) {
    const late: { gateway?: SimulatedGateway } = {};
    const gatewayUrl = Lazy.string({ produce: () => late.gateway?.url });
    const resultHosts = [0, 1].map((index) => Lazy.string({ produce: () => late.gateway?.resultHosts[index] }));
    const localS3: string | undefined = scope.node.tryGetContext(S3_URL);
    if (localS3 !== undefined) resultHosts.push(localS3);
    super(scope, STACK_NAME, {
      description: 'Proves Cutout on AWS; made, used and destroyed by npm run integ',
      settings: { ...DEFAULTS, gatewayUrl, resultHosts, imagesPerDay: IMAGES_PER_DAY },
    });
    late.gateway = new SimulatedGateway(this, 'Gateway');
    const own = this.node.findChild('BackgroundRemoval') as BackgroundRemoval;
    const shared = { gatewayUrl, resultHosts, apiKeySecret: own.apiKeySecret, pause: false };
    const made = { ...shared, removalPolicy: RemovalPolicy.DESTROY };

    const removals = {
      Guarded: { removal: own, props: {} },
      Main: this.removal('Main', { ...made, resultsPrefix: scope.node.tryGetContext(RESULTS_PREFIX) ?? '' }),
      Webhook: this.removal('Webhook', { ...made, webhook: {} }),
      Kms: this.kms(shared),
      Existing: this.existing(made),
      Shared: this.sharedBucket(shared),
    };
    shortenTimeout(removals.Shared.removal.stateMachine, Duration.seconds(SHORT_TIMEOUT_SECONDS));
    for (const [name, { removal, props }] of Object.entries(removals)) putOutPlaces(this, name, removal, props);
    putOut(this, 'GatewayBucket', late.gateway.bucket.bucketName);
    putOut(this, 'GatewayUrl', late.gateway.url);
    addCallers(this, removals.Main.removal);
    acceptHelpers(this);
  }

  private removal(id: string, props: BackgroundRemovalProps) {
    return { removal: new BackgroundRemoval(this, id, props), props };
  }

  /** Both buckets encrypted by a key of the customer's, and a policy that refuses results which do not name it. */
  private kms(shared: BackgroundRemovalProps) {
    const encryptionKey = new Key(this, 'Key', {
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.DESTROY,
      pendingWindow: Duration.days(7),
    });
    const encrypted = { encryption: BucketEncryption.KMS, encryptionKey };
    const results = this.bucket('KmsResults', { ...encrypted, versioned: true });
    const deny = (sid: string, conditions: Record<string, Record<string, string>>) =>
      results.addToResourcePolicy(
        new PolicyStatement({
          sid,
          effect: Effect.DENY,
          principals: [new AnyPrincipal()],
          actions: ['s3:PutObject'],
          // As documented: the lists of a backfill are written by Step Functions, which names no key.
          notResources: [results.arnForObjects('backfills/*')],
          conditions,
        }),
      );
    deny('WithoutKms', { StringNotEquals: { 's3:x-amz-server-side-encryption': 'aws:kms' } });
    deny('WithAnotherKey', {
      StringNotEquals: { 's3:x-amz-server-side-encryption-aws-kms-key-id': encryptionKey.keyArn },
    });
    const uploads = this.bucket('KmsUploads', { ...encrypted, versioned: true });
    return this.removal('Kms', { ...shared, uploads, results });
  }

  /** A bucket without versions that was there before, whose uploads somebody else is told of, too. */
  private existing(shared: BackgroundRemovalProps) {
    const bucket = this.bucket('ExistingUploads', {});
    const others = new Queue(this, 'OtherNotifications', { enforceSSL: true });
    accept(others, 'AwsSolutions-SQS3', 'Nobody takes from it; it is only looked at whether messages come.');
    accept(others, 'Serverless-SQSRedrivePolicy', 'Nobody takes from it; it is only looked at whether messages come.');
    others.grantSendMessages(
      new ServicePrincipal('s3.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': this.account } } }),
    );
    const made = bucket.node.defaultChild as CfnBucket;
    made.notificationConfiguration = {
      queueConfigurations: [{ event: 's3:ObjectCreated:*', queue: others.queueArn }],
    };
    made.node.addDependency(others);
    putOut(this, 'OtherNotificationsUrl', others.queueUrl);
    putOut(this, 'EnableEventsOfExistingCommand', enableEvents(bucket.bucketName, this.region));
    const uploads = Bucket.fromBucketName(this, 'Imported', bucket.bucketName);
    return this.removal('Existing', { ...shared, uploads });
  }

  private sharedBucket(shared: BackgroundRemovalProps) {
    const bucket = this.bucket('SharedBucket', { versioned: true });
    const prefixes = { uploadsPrefix: 'in/', resultsPrefix: 'out/' };
    return this.removal('Shared', { ...shared, uploads: bucket, results: bucket, ...prefixes });
  }

  private bucket(id: string, props: BucketProps): Bucket {
    const bucket = new Bucket(this, id, {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      removalPolicy: RemovalPolicy.DESTROY,
      autoDeleteObjects: true,
      ...props,
    });
    accept(bucket, 'AwsSolutions-S1', 'The bucket lives for an hour and holds made-up pictures.');
    return bucket;
  }
}

/** The CDK's own function that adds notifications to buckets of an app: its role is the CDK's to make. */
function acceptHelpers(stack: IntegStack): void {
  const helper = stack.node.children.find(({ node }) => node.id.startsWith('BucketNotificationsHandler'));
  const policy = 'arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole';
  const id = `AwsSolutions-IAM4[Policy::${policy}]`;
  if (helper) accept(helper, id, 'The CDK makes this role for its own helper, which Cutout’s own buckets do without.');
}
