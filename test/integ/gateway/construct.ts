import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duration, Fn, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Effect, Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, FunctionUrlAuthType, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { buildSync } from 'esbuild';
import { ImageBucket } from '../../../infra/parts/bucket.ts';
import { LAMBDA_CODE } from '../../../infra/parts/bundle.ts';
import { accept, acceptWildcard } from '../../../infra/parts/nag.ts';

const BUNDLE = join(import.meta.dirname, '../../../dist/integ/gateway');

/** The simulated gateway with its CDN: a function URL, and a bucket that holds its state. */
export class SimulatedGateway extends Construct {
  readonly bucket: IBucket;
  /** Origin of the gateway. */
  readonly url: string;
  /** Where its results lie: its own origin, and the bucket for large ones. */
  readonly resultHosts: string[];

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.bucket = new ImageBucket(this, 'State', { removalPolicy: RemovalPolicy.DESTROY });
    const logGroup = new LogGroup(this, 'Log', {
      retention: RetentionDays.ONE_WEEK,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);
    const objects = this.bucket.arnForObjects('*');
    role.addToPolicy(
      new PolicyStatement({
        actions: ['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'],
        resources: [objects],
      }),
    );
    role.addToPolicy(new PolicyStatement({ actions: ['s3:ListBucket'], resources: [this.bucket.bucketArn] }));
    acceptWildcard(role, objects, 'All that lies in the bucket is the gateway’s own state.');
    const gateway = new LambdaFunction(this, 'Function', {
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(bundled()),
      handler: 'gateway.handler',
      description: 'Stands in for the Pixazo gateway and its CDN',
      // A callback may be wanted long after its job has ended.
      timeout: Duration.minutes(15),
      memorySize: 1024,
      environment: { STATE_BUCKET: this.bucket.bucketName },
      retryAttempts: 0,
      logGroup,
      role,
    });
    accept(gateway, 'Serverless-LambdaDLQ', 'A callback that is lost is a fault that Cutout bears.');
    accept(
      gateway,
      'Serverless-LambdaAsyncFailureDestination',
      'A callback that is lost is a fault that Cutout bears.',
    );
    accept(gateway, 'Serverless-LambdaTracing', 'It is no part of what is looked at.');
    // Apart from the role's own policy, on which the function depends.
    new Policy(this, 'InvokeItself', {
      statements: [
        new PolicyStatement({
          effect: Effect.ALLOW,
          actions: ['lambda:InvokeFunction'],
          resources: [gateway.functionArn],
        }),
      ],
    }).attachToRole(role);
    // Public, as the real one; what it gives away is made up.
    const { url } = gateway.addFunctionUrl({ authType: FunctionUrlAuthType.NONE });
    const host = Fn.select(2, Fn.split('/', url));
    const scheme = Fn.select(0, Fn.split('/', url));
    this.url = `${scheme}//${host}`;
    const { region, urlSuffix } = Stack.of(this);
    this.resultHosts = [this.url, `https://${this.bucket.bucketName}.s3.${region}.${urlSuffix}`];
  }
}

/** Bundles the function, unless that has been done. @returns the folder that holds its code */
function bundled(): string {
  const file = join(BUNDLE, 'gateway.mjs');
  const { outputFiles } = buildSync({
    ...LAMBDA_CODE,
    entryPoints: [join(import.meta.dirname, 'handler.ts')],
    outfile: file,
    write: false,
  });
  const code = outputFiles[0]?.text ?? '';
  if (existsSync(file) && readFileSync(file, 'utf8') === code) return BUNDLE;
  // Put in its place at once: another process may be reading it.
  mkdirSync(BUNDLE, { recursive: true });
  const unfinished = `${BUNDLE}.${process.pid}.part`;
  writeFileSync(unfinished, code);
  renameSync(unfinished, file);
  return BUNDLE;
}
