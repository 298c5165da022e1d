import { CfnOutput, type Stack } from 'aws-cdk-lib';
import type { BackgroundRemoval } from '../../infra/background-removal.ts';
import type { BackgroundRemovalProps } from '../../infra/props.ts';
import type { Places } from './places.ts';

/** Puts out where a removal is. */
export function putOutPlaces(
  stack: Stack,
  name: string,
  removal: BackgroundRemoval,
  { uploadsPrefix = '', resultsPrefix = '' }: BackgroundRemovalProps,
): void {
  const places: Places = {
    uploads: removal.uploads.bucketName,
    uploadsPrefix,
    results: removal.results.bucketName,
    resultsPrefix,
    stateMachineArn: removal.stateMachine.stateMachineArn,
    backfillArn: removal.backfillStateMachine.stateMachineArn,
    queueUrl: removal.queue.queueUrl,
    queueArn: removal.queue.queueArn,
    deadLetterQueueUrl: removal.deadLetterQueue.queueUrl,
    deadLetterQueueArn: removal.deadLetterQueue.queueArn,
    apiKeySecretArn: removal.apiKeySecret.secretArn,
    callbackUrl: removal.callbackUrl ?? '',
  };
  putOut(stack, `PlacesOf${name}`, stack.toJsonString(places));
}

export function putOut(stack: Stack, name: string, value: string): void {
  new CfnOutput(stack, name, { value });
}
