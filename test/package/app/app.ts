import { App, Stack } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Choice, DefinitionBody, Fail, JsonPath, StateMachine, Succeed } from 'aws-cdk-lib/aws-stepfunctions';
import {
  BackgroundRemoval,
  type BackgroundRemovalProps,
  ERRORS,
  type ErrorName,
  type ExecutionOutput,
  RemoveBackground,
} from 'cutout';

// A stranger's app: two removals that know nothing of each other in one stack.
const app = new App();
const stack = new Stack(app, 'Shop');

new BackgroundRemoval(stack, 'Products', { webhook: { reservedConcurrency: 5 } });

const scans: BackgroundRemovalProps = {
  uploads: new Bucket(stack, 'Scans', {
    encryption: BucketEncryption.KMS,
    encryptionKey: new Key(stack, 'ScansKey'),
    eventBridgeEnabled: true,
  }),
  results: Bucket.fromBucketName(stack, 'Archive', 'shop-archive'),
  uploadsPrefix: 'scanned/',
  resultsPrefix: 'cut-out/',
  alarmTopic: new Topic(stack, 'Alarms'),
};
const removal = new BackgroundRemoval(stack, 'Scanning', scans);

const error: ErrorName = 'NotAnImage';
const cutOut = RemoveBackground.jsonPath(stack, 'Cut out', {
  stateMachine: removal.stateMachine,
  imageUrl: JsonPath.stringAt('$.photo'),
  resultKey: JsonPath.stringAt('$.sku'),
});
const whatFailed = new Choice(stack, 'What failed?')
  .when(
    RemoveBackground.failedWith(error, '$.error.Cause'),
    new Fail(stack, 'No photo', { cause: ERRORS[error].remedy }),
  )
  .otherwise(new Succeed(stack, 'Without a cutout'));
cutOut.addCatch(whatFailed, { resultPath: '$.error' });
new StateMachine(stack, 'Catalogue', { definitionBody: DefinitionBody.fromChainable(cutOut) });

/** How an app of theirs reads what an execution puts out. */
export function cutoutKey({ status, results: [cutout] }: ExecutionOutput): string | undefined {
  return status === 'DELIVERED' ? cutout?.key : undefined;
}

app.synth();
