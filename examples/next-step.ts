import { App, Stack } from 'aws-cdk-lib';
import { EventField, Match, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import { DefinitionBody, Pass, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { BackgroundRemoval, type BackgroundRemovalProps } from 'cutout';

/**
 * Starts your state machine with each cutout that appears in the results bucket, whoever asked for it. The same event may
 * come twice.
 */
export class NextStepStack extends Stack {
  constructor(scope: Construct, id: string, props?: BackgroundRemovalProps) {
    super(scope, id);
    const removal = new BackgroundRemoval(this, 'Cutouts', props);
    removal.results.enableEventBridgeNotification();

    // Yours: whatever comes after the cutout. Its input is `{bucket, key}`.
    const nextStep = new StateMachine(this, 'NextStep', {
      definitionBody: DefinitionBody.fromChainable(Pass.jsonPath(this, 'Publish')),
    });
    removal.results.grantRead(nextStep);

    new Rule(this, 'OnCutout', {
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: {
          bucket: { name: [removal.results.bucketName] },
          // Reports of failures and of backfills lie there as well. With a `resultsPrefix`, put it before `backfills/*`.
          object: { key: Match.anythingButWildcard('*.error.json', 'backfills/*') },
        },
      },
      targets: [
        new SfnStateMachine(nextStep, {
          input: RuleTargetInput.fromObject({
            bucket: EventField.fromPath('$.detail.bucket.name'),
            key: EventField.fromPath('$.detail.object.key'),
          }),
        }),
      ],
    });
  }
}

// npm run build:library && npx cdk deploy --app 'npx node examples/next-step.ts'
if (import.meta.main) new NextStepStack(new App(), 'NextStep');
