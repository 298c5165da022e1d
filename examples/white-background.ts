import { join } from 'node:path';
import { App, CfnOutput, Duration, Stack } from 'aws-cdk-lib';
import { Match, Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Architecture, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogLevel, NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { BlockPublicAccess, Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { BackgroundRemoval, type BackgroundRemovalProps } from 'cutout';

export interface WhiteBackgroundProps extends BackgroundRemovalProps {
  /**
   * Whether the model has turned photos as their EXIF says. The gateway does not say; docs/gateway.md tells how one photo shows it.
   *
   * @default false
   */
  readonly modelTurns?: boolean;
  /** What the function runs on, and sharp is installed for. @default Architecture.ARM_64 */
  readonly architecture?: Architecture;
}

/** Puts each cutout on white, upright and trimmed, as JPEG and WebP in a bucket of its own: `white-background.handler.ts`. */
export class WhiteBackgroundStack extends Stack {
  constructor(scope: Construct, id: string, props: WhiteBackgroundProps = {}) {
    super(scope, id);
    const { modelTurns = false, architecture = Architecture.ARM_64, ...others } = props;
    const removal = new BackgroundRemoval(this, 'Cutouts', others);
    removal.results.enableEventBridgeNotification();
    const pictures = new Bucket(this, 'Pictures', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
    });
    const onWhite = new NodejsFunction(this, 'OnWhite', {
      entry: join(import.meta.dirname, 'white-background.handler.ts'),
      runtime: Runtime.NODEJS_24_X,
      architecture,
      // A picture of 100 megapixels takes 400 MB once it is decoded.
      memorySize: 2048,
      timeout: Duration.minutes(1),
      bundling: {
        bundleAwsSDK: true,
        // Known to esbuild and to npm.
        logLevel: LogLevel.ERROR,
        // sharp is not JavaScript alone: npm installs it beside the bundle, in the version of package.json and for Lambda,
        // whatever this machine is.
        nodeModules: ['sharp'],
        environment: {
          npm_config_os: 'linux',
          npm_config_cpu: architecture === Architecture.ARM_64 ? 'arm64' : 'x64',
          npm_config_libc: 'glibc',
        },
      },
      environment: { PICTURES_BUCKET: pictures.bucketName, MODEL_TURNS: String(modelTurns) },
    });
    removal.results.grantRead(onWhite);
    pictures.grantPut(onWhite);
    new Rule(this, 'OnCutout', {
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: {
          bucket: { name: [removal.results.bucketName] },
          object: { key: Match.anyOf(Match.suffix('.png'), Match.suffix('.webp')) },
        },
      },
      targets: [new LambdaFunction(onWhite)],
    });
    new CfnOutput(this, 'PicturesBucket', { value: pictures.bucketName });
  }
}

// npm run build:library && npx cdk deploy --app 'npx node examples/white-background.ts'
if (import.meta.main) new WhiteBackgroundStack(new App(), 'WhiteBackground');
