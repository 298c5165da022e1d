import { StateMachine } from 'aws-local-stepfunctions';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { FailureAlertStack } from '../../examples/failure-alert.ts';
import { CatalogueStack } from '../../examples/lambda-caller.ts';
import { NextStepStack } from '../../examples/next-step.ts';
import { OrderStack } from '../../examples/parent-state-machine.ts';
import { ScheduleStack } from '../../examples/schedule.ts';
import type { LocalCloud } from '../../local/cloud.ts';
import { inputOf } from '../../local/event-target.ts';
import type { Execution } from '../../local/step-functions.ts';
import { CAT, picture } from '../pictures.ts';
import { bucketName, machineArn, photoUrl, resource, startExample } from './example-rig.ts';

/** The examples, deployed to this machine as they are. */

const NO_PICTURE = Buffer.from('This is not a picture, whatever its name says.');

describe('parent-state-machine.ts', () => {
  let cloud: LocalCloud;
  beforeAll(async () => {
    cloud = await startExample(OrderStack);
  });
  afterAll(() => cloud?.close());

  async function order(orderId: string, photo: string): Promise<Execution> {
    const input = JSON.stringify({ orderId, photoUrl: photo });
    const execution = cloud.stepFunctions.startOf(machineArn(cloud, 'Orders'), orderId, input);
    await cloud.settled();
    return execution;
  }

  it('goes on with the cutout of the photo', async () => {
    const { status, output } = await order('order-1', await photoUrl(cloud, CAT));
    expect(status).toBe('SUCCEEDED');
    const bucket = bucketName(cloud, 'CutoutsResults');
    expect(JSON.parse(output ?? '')).toEqual({ orderId: 'order-1', bucket, key: 'order-1.png' });
    expect(cloud.s3.list(bucket)).toEqual(['order-1.png']);
  });

  it('asks for another photo if it is no picture, which costs nothing', async () => {
    const paid = cloud.gateway.accepted;
    const { status, output } = await order('order-2', await photoUrl(cloud, NO_PICTURE));
    expect(status).toBe('SUCCEEDED');
    expect(JSON.parse(output ?? '')).toEqual({ orderId: 'order-2', photo: 'WANTED' });
    expect(cloud.gateway.accepted).toBe(paid);
  });

  it('tells the operators of everything else, without the signature of the photo’s URL, and fails', async () => {
    const photo = await photoUrl(cloud, CAT);
    const gone = photo.replace('photo.jpg', 'gone.jpg');
    const { arn, history } = await order('order-3', gone);
    // There is no SNS on this machine: the execution is gone on with from where it was to publish.
    const entered = history.find(({ stateEnteredEventDetails: { name } = {} }) => name === 'Tell operators');
    const { properties } = resource(cloud, 'AWS::StepFunctions::StateMachine', 'Orders');
    const messages: string[] = [];
    const publish = (parameters: unknown) => messages.push((parameters as { Message: string }).Message);
    const { result } = new StateMachine(
      { ...JSON.parse(properties.DefinitionString), StartAt: 'Tell operators' },
      { validationOptions: { noValidate: true } },
    ).run(JSON.parse(entered?.stateEnteredEventDetails?.input ?? ''), {
      overrides: { taskResourceLocalHandlers: { 'Tell operators': publish } },
      context: { Execution: { Id: arn } },
    });
    await expect(result).rejects.toThrow('"Error":"ImageRefused"');
    expect(messages).toEqual([`Order order-3 has no cutout: see ${arn}`]);
  });
});

describe('lambda-caller.ts', () => {
  it('has each revision of a photo processed once, whatever the URL’s signature', async () => {
    const cloud = await startExample(CatalogueStack);
    onTestFinished(() => cloud.close());
    const call = async (revision: number, url: string) => {
      const answer = await cloud.function('index').invoke({ sku: 'cup', revision, url });
      await cloud.settled();
      return answer;
    };
    const url = await photoUrl(cloud, CAT);
    const first = await call(1, url);
    expect(await call(1, `${url}&again`)).toEqual(first);
    expect(cloud.gateway.accepted).toBe(1);
    expect(await call(2, url)).not.toEqual(first);
    expect(cloud.gateway.accepted).toBe(2);
    expect(cloud.s3.list(bucketName(cloud, 'CutoutsResults'))).toEqual(['cup/1.png', 'cup/2.png']);
    // Nobody asks for permissions on this machine.
    expect(resource(cloud, 'AWS::IAM::Policy', 'Caller').properties.PolicyDocument.Statement).toEqual([
      { Effect: 'Allow', Action: 'states:StartExecution', Resource: machineArn(cloud, 'Cutouts') },
    ]);
  });
});

describe('failure-alert.ts', () => {
  it('tells of an image that fails by name, cause and execution', async () => {
    const cloud = await startExample(FailureAlertStack, {
      // There is no SNS on this machine: the rule is not deployed to it, but applied below.
      adapt: (stack) =>
        Object.assign(stack.node.findChild('Cutouts').node.findChild('OnFailed').node.defaultChild ?? {}, {
          state: 'DISABLED',
        }),
    });
    onTestFinished(() => cloud.close());
    const { properties } = resource(cloud, 'AWS::Events::Rule', 'CutoutsOnFailed');
    const [target] = properties.Targets;
    expect(target.Arn).toBe(cloud.template.output('FailuresTopic'));
    const messages: string[] = [];
    cloud.bus.addRule(properties.EventPattern, (event) => messages.push(JSON.parse(inputOf(target, event))));
    for (const [key, body] of Object.entries({ 'cat.jpg': CAT, 'cat.txt': NO_PICTURE })) {
      cloud.s3.put(bucketName(cloud, 'CutoutsUploads'), key, body);
    }
    await cloud.settled();
    expect(messages).toEqual([
      expect.stringMatching(/^No cutout: arn:.*:cat-txt-\w+ FAILED: NotAnImage: .*is not an image/),
    ]);
  });
});

describe('next-step.ts', () => {
  it('is started by a cutout, and not by a failure’s or a backfill’s report', async () => {
    const cloud = await startExample(NextStepStack);
    onTestFinished(() => cloud.close());
    const [uploads, results] = [bucketName(cloud, 'CutoutsUploads'), bucketName(cloud, 'CutoutsResults')];
    cloud.s3.put(uploads, 'photos/cat.jpg', CAT);
    cloud.s3.put(uploads, 'photos/cat.txt', NO_PICTURE);
    await cloud.settled();
    const backfill = cloud.stepFunctions.startOf(machineArn(cloud, 'CutoutsBackfill'), 'dry', '{"dryRun": true}');
    await cloud.settled();
    expect(backfill.status).toBe('SUCCEEDED');
    expect(cloud.s3.list(results)).toEqual(
      expect.arrayContaining([expect.stringMatching('^backfills/'), 'photos/cat.txt.error.json']),
    );
    const arn = machineArn(cloud, 'NextStep');
    const started = cloud.stepFunctions.executions.filter(({ stateMachineArn }) => stateMachineArn === arn);
    const inputs = started.map(({ input }) => JSON.parse(input));
    expect(inputs).toEqual([{ bucket: results, key: 'photos/cat.jpg.png' }]);
  });
});

describe('schedule.ts', () => {
  it('starts a backfill every night, which submits what has no cutout', async () => {
    const cloud = await startExample(ScheduleStack);
    onTestFinished(() => cloud.close());
    const [schedule] = cloud.template.resources('AWS::Scheduler::Schedule');
    const { ScheduleExpression, ScheduleExpressionTimezone, Target } = schedule?.properties ?? {};
    expect([ScheduleExpression, ScheduleExpressionTimezone]).toEqual(['cron(30 2 * * ? *)', 'Europe/Berlin']);

    // An upload of which nobody hears.
    cloud.onInvoke = (bundle) =>
      bundle === 'on-upload' ? { errorType: 'Lost', errorMessage: '', trace: [] } : undefined;
    cloud.s3.put(bucketName(cloud, 'CutoutsUploads'), 'missed.png', await picture(1));
    const backfill = cloud.stepFunctions.startOf(Target.Arn, 'nightly', Target.Input);
    await cloud.settled();
    expect(backfill.status).toBe('SUCCEEDED');
    expect(cloud.s3.list(bucketName(cloud, 'CutoutsResults'))).toContain('missed.png.png');
  });
});
