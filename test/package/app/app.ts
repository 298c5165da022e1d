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
  type ExecutionInput,
  type ExecutionOutput,
  RemoveBackground,
  SettingError,
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

/** How an app of theirs asks for a cutout of what is not in its bucket. */
export const order: ExecutionInput = { imageUrl: 'https://example.com/cat.jpg', resultKey: 'cat.jpg' };

/** How an app of theirs tells what has to be set otherwise from what is broken. */
function refusal(props: BackgroundRemovalProps): string {
  try {
    new BackgroundRemoval(stack, 'Refused', props);
  } catch (error) {
    if (error instanceof SettingError) return error.message;
    throw error;
  }
  throw new Error('It is not refused.');
}
console.log(refusal({ maxMegapixels: 0 }));

app.synth();
