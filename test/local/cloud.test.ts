import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, type AppProps, CfnOutput, Stack } from 'aws-cdk-lib';
import { EventField, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { LambdaFunction, SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Code, Function as LambdaFunctionConstruct, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { DefinitionBody, IntegrationPattern, JsonPath, StateMachine, TaskInput } from 'aws-cdk-lib/aws-stepfunctions';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BackgroundRemoval } from '../../infra/background-removal.ts';
import type { LocalCloud } from '../../local/cloud.ts';
import { CAT } from '../pictures.ts';
import { startCloud } from '../pipeline-rig.ts';

/** Somebody else's app: a workflow of its own uses the removal, and a function of its own hears how that ended. */
function createShop(props: AppProps): App {
  const app = new App(props);
  const stack = new Stack(app, 'Shop');
  const removal = new BackgroundRemoval(stack, 'Cutouts', {
    gatewayUrl: app.node.getContext('gatewayUrl'),
    resultHosts: [app.node.getContext('resultHosts')],
  });
  const orders = new Bucket(stack, 'Orders', { eventBridgeEnabled: true });
  const remove = new StepFunctionsStartExecution(stack, 'Remove', {
    stateMachine: removal.stateMachine,
    integrationPattern: IntegrationPattern.RUN_JOB,
    input: TaskInput.fromObject({ bucket: removal.uploads.bucketName, key: JsonPath.stringAt('$.key') }),
    resultSelector: { 'status.$': '$.Output.status', 'result.$': '$.Output.results[0].key' },
  });
  const machine = new StateMachine(stack, 'Order', { definitionBody: DefinitionBody.fromChainable(remove) });
  const parameter = new StringParameter(stack, 'Parameter', { parameterName: 'dear-colour', stringValue: 'plum' });
  const listener = new LambdaFunctionConstruct(stack, 'Listener', {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromAsset(code),
    environment: { PARAMETER: parameter.parameterName },
  });
  new Rule(stack, 'OnOrder', {
    eventPattern: {
      detailType: ['Object Created'],
      detail: { bucket: { name: [orders.bucketName] }, object: { key: [{ wildcard: 'orders/*/*.jpg' }] } },
    },
    targets: [
      new SfnStateMachine(machine, {
        input: RuleTargetInput.fromObject({ key: EventField.fromPath('$.detail.object.key') }),
      }),
    ],
  });
  new Rule(stack, 'OnEnd', {
    eventPattern: {
      source: ['aws.states'],
      detail: { stateMachineArn: [machine.stateMachineArn], status: [{ 'anything-but': 'RUNNING' }] },
    },
    targets: [new LambdaFunction(listener)],
  });
  new Key(stack, 'Key').grantDecrypt(listener);
  new CfnOutput(stack, 'OrdersBucket', { value: orders.bucketName });
  new CfnOutput(stack, 'UploadsBucket', { value: removal.uploads.bucketName });
  new CfnOutput(stack, 'ResultsBucket', { value: removal.results.bucketName });
  return app;
}

let code: string;
let cloud: LocalCloud;

beforeAll(async () => {
  code = mkdtempSync(join(tmpdir(), 'listener-'));
  writeFileSync(
    join(code, 'index.js'),
    `exports.handler = async ({ detail }) => console.log('heard', detail.status, process.env.PARAMETER);`,
  );
  cloud = await startCloud({ app: createShop, stackName: 'Shop' });
});

afterAll(async () => {
  await cloud?.close();
  rmSync(code, { recursive: true });
});

describe("somebody else's app", () => {
  it('runs with all its state machines, functions and rules', async () => {
    cloud.s3.put(cloud.uploadsBucket, 'orders/17/cat.jpg', CAT);
    await cloud.settled();
    const orders = cloud.template.output('OrdersBucket');
    cloud.s3.put(orders, 'orders/17/cat.txt', Buffer.from('no image'));
    cloud.s3.put(orders, 'orders/17/cat.jpg', Buffer.from('one, please'));
    await cloud.settled();

    const machines = cloud.stepFunctions.executions.map(({ stateMachineArn }) => stateMachineArn.split(':').at(-1));
    const [cutouts, order] = ['Cutouts', 'Order'].map((name) => expect.stringMatching(`^${name}`));
    expect(machines).toEqual([cutouts, order, cutouts]);
    expect(JSON.parse(cloud.stepFunctions.executions[1]?.output ?? '')).toEqual({
      ...{ status: 'DELIVERED', result: 'orders/17/cat.jpg.png' },
    });
    expect(cloud.s3.list(cloud.resultsBucket)).toEqual(['orders/17/cat.jpg.png']);
    expect(cloud.logs.filter((line) => line.includes('heard'))).toEqual(['heard SUCCEEDED dear-colour']);
  });
});
