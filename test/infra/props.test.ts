import { CfnParameter, Duration, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, it } from 'vitest';
import type { BackgroundRemovalProps } from '../../infra/props.ts';
import { flat, resource, resources } from './read-template.ts';
import { refusalOf } from './refusal-of.ts';
import { type Make, make } from './shop.ts';

/** The message that refuses these props. */
const refusal = (props: Parameters<typeof make>[0]) => refusalOf(() => make(props));

const number = (stack: Stack, id = 'Number') => new CfnParameter(stack, id, { type: 'Number' }).valueAsNumber;
const text = (stack: Stack) => new CfnParameter(stack, 'Text').valueAsString;

describe('a prop that cannot be used is refused by its name, with what would do:', () => {
  it.each<[name: string, props: BackgroundRemovalProps, advice: string]>([
    ['uploadsPrefix', { uploadsPrefix: '/photos' }, 'must be a plain key prefix such as "photos/"'],
    ['resultsPrefix', { resultsPrefix: 'out*' }, 'must be a plain key prefix such as "photos/"'],
    ['uploadsSuffixes', { uploadsSuffixes: ['*.jpg'] }, 'must be a list of endings of keys such as ".jpg,.jpeg,.png"'],
    ['uploadsSuffixes', { uploadsSuffixes: [] }, 'must be a list of endings of keys such as ".jpg,.jpeg,.png"'],
    ['gatewayUrl', { gatewayUrl: 'https://gateway.example.com/v1' }, 'must be an https origin such as "https://'],
    ['resultHosts', { resultHosts: ['*'] }, 'must be a list of hosts such as "*.r2.dev,cdn.example.com"'],
    ['resultHosts', { resultHosts: [] }, 'must be a list of hosts such as "*.r2.dev,cdn.example.com"'],
    ['expectedTime', { expectedTime: Duration.millis(1500) }, 'must be a whole number from 0 to 3600'],
    ['expectedTime', { expectedTime: Duration.minutes(61) }, 'must be a whole number from 0 to 3600'],
    ['timeout', { timeout: Duration.minutes(361) }, 'must be a whole number from 1 to 360'],
    ['timeout', { timeout: Duration.seconds(90) }, 'must be a whole number from 1 to 360'],
    ['maxConcurrency', { maxConcurrency: 1 }, 'must be a whole number from 2 to 1000'],
    ['uploadsPerMinute', { uploadsPerMinute: 5 }, 'must be a whole number from 6 to 18000'],
    ['webhook.reservedConcurrency', { webhook: { reservedConcurrency: 0 } }, 'must be a whole number from 1 to 1000'],
    [
      'removalPolicy',
      { removalPolicy: RemovalPolicy.SNAPSHOT },
      'must be one of retain, destroy, but it is "snapshot"',
    ],
  ])('%s of %j', (name, props, advice) => {
    const message = refusal(props);
    expect(message.startsWith(name)).toBe(true);
    expect(message).toContain('of Shop/BackgroundRemoval');
    expect(message).toContain(advice);
  });

  it('two props that each set the pace', () => {
    const message = refusal({ maxConcurrency: 5, uploadsPerMinute: 60 });
    for (const name of ['maxConcurrency', 'uploadsPerMinute']) expect(message).toContain(name);
  });

  it('uploadsPerMinute that is known only at deployment: the pace is computed from it', () => {
    expect(refusal((scope) => ({ uploadsPerMinute: number(scope) }))).toContain('must be known at synth');
  });

  it.each([Duration.minutes(1), Duration.seconds(60)])('expectedTime that is no shorter than timeout', (timeout) => {
    const message = refusal({ expectedTime: Duration.seconds(60), timeout });
    expect(message).toContain('expectedTime of Shop/BackgroundRemoval must be shorter than timeout');
  });

  it('removalPolicy where nothing is made that it could be applied to', () => {
    const message = refusal((stack) => ({
      uploads: Bucket.fromBucketName(stack, 'In', 'photos'),
      results: Bucket.fromBucketName(stack, 'Out', 'cutouts'),
      apiKeySecret: Secret.fromSecretNameV2(stack, 'Key', 'pixazo/api-key'),
      removalPolicy: RemovalPolicy.DESTROY,
    }));
    for (const name of ['removalPolicy', 'uploads', 'results', 'apiKeySecret']) expect(message).toContain(name);
  });
});

describe('a value that is known only at deployment is taken as it is', () => {
  it('as a number or a text', () => {
    const stack = make((scope) => {
      const [count, name] = [number(scope), text(scope)];
      return {
        uploadsPrefix: name,
        gatewayUrl: name,
        maxConcurrency: count,
        webhook: { reservedConcurrency: count },
      };
    });
    const template = Template.fromStack(stack);
    const { Variables } = resource(template, 'AWS::Lambda::Function', 'WorkflowSubmit').Properties.Environment;
    expect(flat(Variables.GATEWAY_URL)).toBe('<Text>');
    expect(flat(Variables.UPLOADS_PREFIX)).toBe('<Text>');
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      ScalingConfig: { MaximumConcurrency: { Ref: 'Number' } },
    });
    const callback = resource(template, 'AWS::Lambda::Function', 'WebhookOnCallback').Properties;
    expect(callback.ReservedConcurrentExecutions).toEqual({ Ref: 'Number' });
  });

  it('as the delay before the first status check', () => {
    const template = Template.fromStack(
      make((scope) => ({
        expectedTime: Duration.seconds(number(scope)),
        timeout: Duration.minutes(number(scope, 'Minutes')),
      })),
    );
    const { Environment } = resource(template, 'AWS::Lambda::Function', 'WorkflowSubmit').Properties;
    expect(Environment.Variables).toMatchObject({
      EXPECTED_SECONDS: { Ref: 'Number' },
      TIMEOUT_MINUTES: { Ref: 'Minutes' },
    });
  });

  it.each<[what: string, props: Make]>([
    [
      'timeout beside a known expectedTime',
      (scope) => ({ expectedTime: Duration.seconds(5), timeout: Duration.minutes(number(scope)) }),
    ],
    ['one of several resultHosts', (scope) => ({ resultHosts: ['*.r2.dev', text(scope)] })],
    ['one of several uploadsSuffixes', (scope) => ({ uploadsSuffixes: ['.jpg', text(scope)] })],
  ])('as %s', (_, props) => {
    expect(() => make(props)).not.toThrow();
  });
});

describe('props that no setting stands for', () => {
  it('bound the uploads that are started at once, and the callbacks', () => {
    const template = Template.fromStack(make({ maxConcurrency: 20, webhook: { reservedConcurrency: 30 } }));
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', { ScalingConfig: { MaximumConcurrency: 20 } });
    const callback = resource(template, 'AWS::Lambda::Function', 'WebhookOnCallback').Properties;
    expect(callback.ReservedConcurrentExecutions).toBe(30);
  });

  it('send all alarms to a topic', () => {
    const arn = 'arn:aws:sns:eu-west-1:111122223333:alarms';
    const stack = make((scope) => ({ alarmTopic: Topic.fromTopicArn(scope, 'Alarms', arn) }));
    const alarms = Object.values(resources(Template.fromStack(stack), 'AWS::CloudWatch::Alarm'));
    expect(alarms).toHaveLength(12);
    for (const { Properties } of alarms) expect(Properties.AlarmActions).toEqual([arn]);
  });
});
