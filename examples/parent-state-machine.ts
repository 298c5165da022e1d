import { App, Stack } from 'aws-cdk-lib';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Choice, DefinitionBody, Fail, JsonPath, Pass, StateMachine, TaskInput } from 'aws-cdk-lib/aws-stepfunctions';
import { SnsPublish } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import { BackgroundRemoval, type BackgroundRemovalProps, RemoveBackground } from 'cutout';

/**
 * An order workflow that removes the background of the customer's photo and goes on with the cutout. If the photo is no
 * picture, the customer has to send another one; of everything else that fails, the operators are told.
 *
 * Input: `{orderId, photoUrl}`.
 */
export class OrderStack extends Stack {
  constructor(scope: Construct, id: string, props?: BackgroundRemovalProps) {
    super(scope, id);
    const removal = new BackgroundRemoval(this, 'Cutouts', props);
    const operators = new Topic(this, 'Operators');

    const cutOut = RemoveBackground.jsonPath(this, 'Cut out photo', {
      stateMachine: removal.stateMachine,
      imageUrl: JsonPath.stringAt('$.photoUrl'),
      resultKey: JsonPath.stringAt('$.orderId'),
      resultPath: '$.cutout',
    });
    // Yours: whatever the order needs the cutout for. An image by bucket and key, in place of a URL, may have been overwritten
    // meanwhile: look at `$.cutout.status` first, which is SUPERSEDED then, without results.
    const useCutout = Pass.jsonPath(this, 'Use cutout', {
      parameters: {
        orderId: JsonPath.stringAt('$.orderId'),
        bucket: JsonPath.stringAt('$.cutout.results[0].bucket'),
        key: JsonPath.stringAt('$.cutout.results[0].key'),
      },
    });
    // Yours, too: how customers are asked.
    const askForAnother = Pass.jsonPath(this, 'Ask for another photo', {
      parameters: { orderId: JsonPath.stringAt('$.orderId'), photo: 'WANTED' },
    });
    // Without the Cause, in which the removal's input stands, and so does the signature of a presigned URL.
    const tellOperators = SnsPublish.jsonPath(this, 'Tell operators', {
      topic: operators,
      message: TaskInput.fromText(
        JsonPath.format('Order {} has no cutout: see {}', JsonPath.stringAt('$.orderId'), JsonPath.executionId),
      ),
      resultPath: JsonPath.DISCARD,
    });
    const noCutout = new Fail(this, 'No cutout', { errorPath: '$.error.Error', causePath: '$.error.Cause' });

    const whatFailed = new Choice(this, 'What failed?')
      .when(RemoveBackground.failedWith('NotAnImage', '$.error.Cause'), askForAnother)
      .otherwise(tellOperators.next(noCutout));
    cutOut.addCatch(whatFailed, { resultPath: '$.error' });

    new StateMachine(this, 'Orders', { definitionBody: DefinitionBody.fromChainable(cutOut.next(useCutout)) });
  }
}

// npm run build:library && npx cdk deploy --app 'npx node examples/parent-state-machine.ts'
if (import.meta.main) new OrderStack(new App(), 'Orders');
