import { App, ArnFormat, CfnOutput, PropertyInjectors, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import { Table, TableEncryption, type TableProps } from 'aws-cdk-lib/aws-dynamodb';
import { Peer, Port, SecurityGroup, Vpc } from 'aws-cdk-lib/aws-ec2';
import { AnyPrincipal, Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { type FunctionProps, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type LogGroupProps, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Bucket, BucketEncryption, type BucketProps, type CfnBucket } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue, type QueueProps, RedrivePermission } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { BackgroundRemoval, type BackgroundRemovalProps } from 'cutout';

export interface HardenedStackProps extends StackProps {
  /** A network of the account. Its private subnets must reach the internet: the gateway and its CDN are there. */
  readonly vpcId: string;
  /** The account's bucket for S3's access logs, in the same region, whose policy admits `logging.s3.amazonaws.com`. */
  readonly accessLogsBucket: string;
  readonly removal?: BackgroundRemovalProps;
}

/** Meets the proactive controls of AWS Control Tower; docs/hardened.md says what each asks for, and what is left. */
export class HardenedStack extends Stack {
  readonly #key: Key;

  constructor(scope: Construct, id: string, props: HardenedStackProps) {
    super(scope, id, props);
    this.#key = this.key();
    // Whatever is made below this stack from now on is made so, also within the construct.
    this.keepLogs();
    this.guardBuckets(props.accessLogsBucket);
    this.runInNetwork(props.vpcId);
    this.#inject<TableProps>(Table, () => ({
      // The AWS managed key: its users need no permission for it.
      encryption: TableEncryption.AWS_MANAGED,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    }));
    // Dead-letter queues are told by saying who may use them. To name the queues would be a circular dependency.
    this.#inject<QueueProps>(Queue, ({ deadLetterQueue }) =>
      deadLetterQueue ? {} : { redriveAllowPolicy: { redrivePermission: RedrivePermission.ALLOW_ALL } },
    );

    const removal = new BackgroundRemoval(this, 'Cutouts', { ...props.removal, alarmTopic: this.alarmTopic() });
    // The property itself: `eventBridgeEnabled` would bring a function of the CDK's, outside the network.
    const results = removal.results.node.defaultChild as CfnBucket;
    results.addPropertyOverride('NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled', true);
  }

  private key(): Key {
    const key = new Key(this, 'Key', { enableKeyRotation: true });
    key.addToResourcePolicy(
      new PolicyStatement({
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['kms:CreateGrant'],
        resources: ['*'],
        conditions: { BoolIfExists: { 'kms:GrantIsForAWSResource': 'false', 'aws:PrincipalIsAWSService': 'false' } },
      }),
    );
    return key;
  }

  private keepLogs(): void {
    const logGroups = this.formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: '*',
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    this.#key.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal(`logs.${this.region}.amazonaws.com`)],
        actions: ['kms:Encrypt*', 'kms:Decrypt*', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
        resources: ['*'],
        conditions: { ArnLike: { 'kms:EncryptionContext:aws:logs:arn': logGroups } },
      }),
    );
    this.#inject<LogGroupProps>(LogGroup, () => ({ encryptionKey: this.#key, retention: RetentionDays.ONE_YEAR }));
  }

  private guardBuckets(accessLogsBucket: string): void {
    const serverAccessLogsBucket = Bucket.fromBucketName(this, 'AccessLogs', accessLogsBucket);
    Validations.of(this).acknowledge({
      id: 'Annotation::@aws-cdk/aws-s3:accessLogsPolicyNotAdded',
      reason: 'The policy of the account’s bucket lets S3 write access logs.',
    });
    this.#inject<BucketProps>(Bucket, (_, id) => ({
      encryption: BucketEncryption.KMS,
      encryptionKey: this.#key,
      bucketKeyEnabled: true,
      serverAccessLogsBucket,
      serverAccessLogsPrefix: `${this.stackName}/${id}/`,
      // Without a default retention, under which S3 takes only writes with a checksum: whether Step Functions' lists have
      // one is not documented.
      objectLockEnabled: true,
    }));
  }

  private runInNetwork(vpcId: string): void {
    const vpc = Vpc.fromLookup(this, 'Network', { vpcId });
    const group = new SecurityGroup(this, 'Functions', { vpc, allowAllOutbound: false });
    group.addEgressRule(Peer.anyIpv4(), Port.HTTPS, 'The gateway, its CDN, and AWS');
    const network = [
      'CreateNetworkInterface',
      'DeleteNetworkInterface',
      'DescribeNetworkInterfaces',
      'DescribeSubnets',
      'AssignPrivateIpAddresses',
      'UnassignPrivateIpAddresses',
    ];
    const actions = network.map((action) => `ec2:${action}`);
    this.#inject<FunctionProps>(LambdaFunction, ({ role }) => {
      role?.addToPrincipalPolicy(new PolicyStatement({ actions, resources: ['*'] }));
      return { vpc, securityGroups: [group] };
    });
  }

  private alarmTopic(): Topic {
    const topic = new Topic(this, 'Alarms', { masterKey: this.#key, enforceSSL: true });
    const ofThisAccount = { conditions: { StringEquals: { 'aws:SourceAccount': this.account } } };
    topic.grantPublish(new ServicePrincipal('cloudwatch.amazonaws.com', ofThisAccount));
    new CfnOutput(this, 'AlarmTopic', { value: topic.topicArn, description: 'Subscribe to this' });
    return topic;
  }

  /** Changes the props of every construct of a class that is made in this stack. */
  #inject<Props>(
    { PROPERTY_INJECTION_ID }: { PROPERTY_INJECTION_ID: string },
    change: (props: Props, id: string) => Partial<Props>,
  ): void {
    PropertyInjectors.of(this).add({
      constructUniqueId: PROPERTY_INJECTION_ID,
      inject: (props: Props, { id }) => ({ ...props, ...change(props, id) }),
    });
  }
}

// npm run build:library && npx cdk deploy --app 'npx node examples/hardened.ts' -c vpcId=vpc-… -c accessLogsBucket=…
if (import.meta.main) {
  const app = new App();
  new HardenedStack(app, 'Hardened', {
    env: { account: process.env.CDK_DEFAULT_ACCOUNT, region: process.env.CDK_DEFAULT_REGION },
    vpcId: app.node.getContext('vpcId'),
    accessLogsBucket: app.node.getContext('accessLogsBucket'),
  });
}
