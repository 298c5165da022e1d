import { ArnFormat, CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import { BackgroundRemoval } from './background-removal.ts';
import { accept } from './parts/nag.ts';
import type { Settings } from './settings/table.ts';

export interface CutoutStackProps extends StackProps {
  readonly settings: Settings;
}

/** The deployable whole: one {@link BackgroundRemoval} made from settings, and outputs that say what to do next. */
export class CutoutStack extends Stack {
  constructor(scope: Construct, id: string, { settings, ...props }: CutoutStackProps) {
    super(scope, id, props);
    const removal = new BackgroundRemoval(this, 'BackgroundRemoval', {
      uploads: this.existingBucket('ExistingUploads', settings.uploadsBucket, settings.uploadsKmsKey),
      results: this.existingBucket('ExistingResults', settings.resultsBucket, settings.resultsKmsKey),
      uploadsPrefix: settings.uploadsPrefix,
      uploadsSuffixes: settings.uploadsSuffixes,
      resultsPrefix: settings.resultsPrefix,
      apiKeySecret: this.existingSecret(settings),
      gatewayUrl: settings.gatewayUrl,
      resultHosts: settings.resultHosts,
      expectedTime: Duration.seconds(settings.expectedSeconds),
      timeout: Duration.minutes(settings.timeoutMinutes),
      imageFormats: settings.imageFormats,
      maxMegapixels: settings.maxMegapixels,
      uploadsPerMinute: settings.uploadsPerMinute,
      webhook: settings.webhook ? {} : undefined,
      imagesPerDay: settings.imagesPerDay,
      pause: settings.pause,
      alarmDollarsPerDay: settings.alarmDollarsPerDay,
      alarmTopic: this.alarmTopic(settings.alarmEmail),
      removalPolicy: settings.removal === 'destroy' ? RemovalPolicy.DESTROY : undefined,
    });
    this.putOut(removal, settings);
  }

  /** What people and commands need to know of the deployment. */
  private putOut(removal: BackgroundRemoval, settings: Settings): void {
    const output = (name: string, value: string, description: string) =>
      new CfnOutput(this, name, { value, description });
    const secretArn = removal.apiKeySecret.secretArn;
    output('UploadsBucket', removal.uploads.bucketName, 'Drop images here');
    output('ResultsBucket', removal.results.bucketName, 'Cutouts appear here, or <key>.error.json');
    output('UploadsLocation', `s3://${removal.uploads.bucketName}/${settings.uploadsPrefix}`, 'What is watched');
    output('ResultsLocation', `s3://${removal.results.bucketName}/${settings.resultsPrefix}`, 'Where cutouts go');
    if (settings.uploadsBucket !== undefined) {
      output(
        'EnableEventsCommand',
        enableEvents(removal.uploads.bucketName, this.region),
        'Run this once: it lets the existing bucket send its events to EventBridge, and keeps its other notifications',
      );
    }
    output('StateMachineArn', removal.stateMachine.stateMachineArn, 'Start executions of this from other workflows');
    output('BackfillStateMachineArn', removal.backfillStateMachine.stateMachineArn, 'Processes what is already there');
    output('ApiKeySecretArn', secretArn, 'The secret with the API key of the gateway');
    output(
      'SetApiKeyCommand',
      `aws secretsmanager put-secret-value --region ${this.region} --secret-id ${secretArn} --secret-string file:///dev/stdin`,
      'Run this, paste the API key, press Enter and Ctrl-D; if uploads are held back, then: npm run resume',
    );
    if (removal.dailyLimitTable && settings.imagesPerDay) {
      output('ImagesPerDay', String(settings.imagesPerDay), 'Most images that are submitted in a day (UTC)');
      output('DailyLimitTable', removal.dailyLimitTable.tableName, 'The images that were submitted on each day (UTC)');
    }
    if (removal.callbackUrl) output('CallbackUrl', removal.callbackUrl, 'Where the gateway calls back');
    output('UploadsQueueUrl', removal.queue.queueUrl, 'Upload events that wait for their start');
    if (removal.uploadsEventSourceMapping) {
      output(
        'UploadsEventSourceMapping',
        removal.uploadsEventSourceMapping,
        'What takes uploads from their queue; disabled while they are held back, until: npm run resume',
      );
    }
    output('DeadLetterQueueUrl', removal.deadLetterQueue.queueUrl, 'Upload events that could not be processed');
    output(
      'MoveDeadLettersCommand',
      // With a destination, because what EventBridge could not bring to the queue came from no queue.
      `aws sqs start-message-move-task --region ${this.region} --source-arn ${removal.deadLetterQueue.queueArn} ` +
        `--destination-arn ${removal.queue.queueArn}`,
      'Run this once the reason is gone, to process those events after all',
    );
  }

  private existingBucket(id: string, bucketName: string | undefined, keyArn?: string): IBucket | undefined {
    if (bucketName === undefined) return undefined;
    const encryptionKey = keyArn === undefined ? undefined : Key.fromKeyArn(this, `${id}Key`, keyArn);
    return Bucket.fromBucketAttributes(this, id, { bucketName, ...(encryptionKey && { encryptionKey }) });
  }

  private existingSecret({ apiKeySecret, apiKeyKmsKey }: Settings): ISecret | undefined {
    if (apiKeySecret === undefined) return undefined;
    const arn = apiKeySecret.startsWith('arn:')
      ? apiKeySecret
      : this.formatArn({
          service: 'secretsmanager',
          resource: 'secret',
          resourceName: apiKeySecret,
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        });
    // A complete ARN ends in six characters that Secrets Manager chose.
    const isComplete = apiKeySecret.startsWith('arn:') && /-[A-Za-z0-9]{6}$/.test(arn);
    return Secret.fromSecretAttributes(this, 'ExistingSecret', {
      ...(isComplete ? { secretCompleteArn: arn } : { secretPartialArn: arn }),
      ...(apiKeyKmsKey !== undefined && { encryptionKey: Key.fromKeyArn(this, 'ExistingSecretKey', apiKeyKmsKey) }),
    });
  }

  private alarmTopic(alarmEmail: string | undefined): ITopic | undefined {
    if (alarmEmail === undefined) return undefined;
    // A topic with a policy of its own admits nobody by default, so alarms are let in by name. Not encrypted with the AWS
    // managed key, which CloudWatch alarms may not use; an alarm's text is no secret.
    const topic = new Topic(this, 'AlarmTopic', { enforceSSL: true });
    const ofThisAccount = { conditions: { StringEquals: { 'aws:SourceAccount': this.account } } };
    topic.grantPublish(new ServicePrincipal('cloudwatch.amazonaws.com', ofThisAccount));
    topic.addSubscription(new EmailSubscription(alarmEmail));
    accept(topic, 'Serverless-SNSRedrivePolicy', 'An e-mail that bounces is no message to process later.');
    return topic;
  }
}

/** A command that adds EventBridge to the notifications of a bucket: what there is, is read, merged and put back. */
export function enableEvents(bucket: string, region: string): string {
  const s3api = (operation: string) =>
    `aws s3api ${operation}-bucket-notification-configuration --region ${region} --bucket ${bucket}`;
  const merged = `${s3api('get')} --output json --query 'merge(@, {EventBridgeConfiguration: \`{}\`})'`;
  return `${s3api('put')} --notification-configuration "$(${merged})"`;
}
