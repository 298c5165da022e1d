import { App, CfnOutput, Stack } from 'aws-cdk-lib';
import { EventField, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { BackgroundRemoval, type BackgroundRemovalProps } from 'cutout';

/**
 * Tells the subscribers of a topic of each image that fails, by name and cause.
 *
 * An empty wallet fails every image: for one alarm in place of thousands of messages give the construct an `alarmTopic`.
 */
export class FailureAlertStack extends Stack {
  constructor(scope: Construct, id: string, props?: BackgroundRemovalProps) {
    super(scope, id);
    const removal = new BackgroundRemoval(this, 'Cutouts', props);
    const failures = new Topic(this, 'Failures');
    const [error, cause, status, executionArn] = ['error', 'cause', 'status', 'executionArn'].map((field) =>
      EventField.fromPath(`$.detail.${field}`),
    );
    removal.onFailed('OnFailed', {
      target: new SnsTopic(failures, {
        message: RuleTargetInput.fromText(`No cutout: ${executionArn} ${status}: ${error}: ${cause}`),
      }),
    });
    new CfnOutput(this, 'FailuresTopic', { value: failures.topicArn, description: 'Subscribe to this' });
  }
}

// npm run build:library && npx cdk deploy --app 'npx node examples/failure-alert.ts'
if (import.meta.main) new FailureAlertStack(new App(), 'FailureAlert');
