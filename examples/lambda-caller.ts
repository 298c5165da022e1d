import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogLevel, NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import type { Construct } from 'constructs';
import { BackgroundRemoval, type BackgroundRemovalProps } from 'cutout';

/** A Lambda function of your own that has the backgrounds of photos removed, and does not wait: `lambda-caller.handler.ts`. */
export class CatalogueStack extends Stack {
  constructor(scope: Construct, id: string, props?: BackgroundRemovalProps) {
    super(scope, id);
    const removal = new BackgroundRemoval(this, 'Cutouts', props);
    const caller = new NodejsFunction(this, 'Caller', {
      entry: join(import.meta.dirname, 'lambda-caller.handler.ts'),
      runtime: Runtime.NODEJS_24_X,
      // The SDK that it was tested with, in place of the one that the runtime happens to have.
      bundling: { bundleAwsSDK: true, logLevel: LogLevel.WARNING },
      environment: { STATE_MACHINE_ARN: removal.stateMachine.stateMachineArn },
    });
    removal.grantStart(caller);
  }
}

// npm run build:library && npx cdk deploy --app 'npx node examples/lambda-caller.ts'
if (import.meta.main) new CatalogueStack(new App(), 'Catalogue');
