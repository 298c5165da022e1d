import { App, Stack } from 'aws-cdk-lib';
import { CfnBucket } from 'aws-cdk-lib/aws-s3';
import { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { describe, expect, it } from 'vitest';
import { BackgroundRemoval } from '../../../infra/background-removal.ts';
import { RemoveBackground } from '../../../infra/remove-background.ts';
import { readSettings } from '../../../infra/settings/context.ts';
import { refusalOf } from '../refusal-of.ts';

/** The message of a SettingError. */
const refusal = (make: (stack: Stack) => unknown) => refusalOf(() => make(new Stack(new App(), 'Shop')));

// What JavaScript lets one give.
// biome-ignore lint/suspicious/noExplicitAny: the point is that it is no such props
const removal = (props: any) => refusal((stack) => new BackgroundRemoval(stack, 'Removal', props));
// biome-ignore lint/suspicious/noExplicitAny: the point is that it is no such props
const task = (props: any, method: 'jsonPath' | 'jsonata' = 'jsonPath') =>
  refusal((stack) => {
    const arn = 'arn:aws:states:eu-west-1:111122223333:stateMachine:Cutout';
    const stateMachine = StateMachine.fromStateMachineArn(stack, 'Cutout', arn);
    return RemoveBackground[method](stack, 'Cut out', { stateMachine, bucket: 'uploads', key: 'a.jpg', ...props });
  });

describe('an unknown prop is refused by its name, with the nearest one:', () => {
  it.each([
    [{ uploadPrefix: 'in/' }, 'uploadPrefix', 'uploadsPrefix'],
    [{ uploadsprefix: 'in/' }, 'uploadsprefix', 'uploadsPrefix'],
    [{ uploads_prefix: 'in/' }, 'uploads_prefix', 'uploadsPrefix'],
    [{ resultHost: ['a.example.com'] }, 'resultHost', 'resultHosts'],
    [{ uploadsSuffix: ['.jpg'] }, 'uploadsSuffix', 'uploadsSuffixes'],
    [{ expectedSeconds: 5 }, 'expectedSeconds', 'expectedTime'],
    [{ uploadsBucket: 'photos' }, 'uploadsBucket', 'uploads'],
    [{ removal: 'destroy' }, 'removal', 'removalPolicy'],
    [{ webhooks: {} }, 'webhooks', 'webhook'],
    [{ webhook: { reservedConcurency: 5 } }, 'webhook.reservedConcurency', 'webhook.reservedConcurrency'],
  ])('%j', (props, name, nearest) => {
    const message = removal(props);
    expect(message).toContain(`There is no prop ${name} of Shop/Removal. Did you mean ${nearest}?`);
  });

  it('with all there are, where none is near', () => {
    const message = removal({ vpc: {} });
    expect(message).not.toContain('Did you mean');
    for (const name of ['uploadsPrefix', 'alarmTopic']) expect(message).toContain(name);
  });

  it.each([
    [{ version: 'v1' }, 'version', 'Did you mean versionId?'],
    [{ resultpath: '$.cutout' }, 'resultpath', 'Did you mean resultPath?'],
    [{ name: 'order-1' }, 'name', 'Set executionName.'],
    [{ input: {} }, 'input', 'Set bucket and key, or imageUrl and resultKey.'],
    [{ integrationPattern: 'REQUEST_RESPONSE' }, 'integrationPattern', 'Drop it'],
  ])('of RemoveBackground: %j', (props, name, advice) => {
    expect(task(props)).toContain(`There is no prop ${name} of RemoveBackground "Cut out". ${advice}`);
  });

  it('of RemoveBackground, where it is of the other query language', () => {
    expect(task({ outputs: '{% 1 %}' })).toContain('There is no prop outputs of RemoveBackground "Cut out"');
    expect(task({ resultPath: '$.cutout' }, 'jsonata')).toContain('There is no prop resultPath of RemoveBackground');
  });

  it('but not where it has no value', () => {
    const make = (props: object) => new BackgroundRemoval(new Stack(new App(), 'Shop'), 'Removal', props);
    expect(() => make({ uploadPrefix: undefined })).not.toThrow();
  });
});

describe('a prop of another type is refused by its name, with what would do:', () => {
  it.each<[name: string, props: object | ((stack: Stack) => object), accepts: string]>([
    ['uploads', { uploads: 'photos' }, 'a bucket, such as Bucket.fromBucketName(…)'],
    ['results', { results: null }, 'a bucket'],
    ['uploads', (stack) => ({ uploads: new CfnBucket(stack, 'Photos') }), 'a bucket'],
    ['apiKeySecret', { apiKeySecret: 'pixazo/api-key' }, 'a secret'],
    ['alarmTopic', { alarmTopic: 'arn:aws:sns:eu-west-1:111122223333:alarms' }, 'a topic'],
    ['expectedTime', { expectedTime: 5 }, 'a Duration'],
    ['timeout', { timeout: '90' }, 'a Duration'],
    ['resultHosts', { resultHosts: '*.r2.dev' }, 'an array'],
    ['uploadsSuffixes', { uploadsSuffixes: '.jpg' }, 'an array'],
    ['imageFormats', { imageFormats: 'jpeg' }, 'an array'],
    ['webhook', { webhook: 'false' }, 'an object'],
  ])('%s', (name, props, accepts) => {
    const make = (stack: Stack) => {
      const given = typeof props === 'function' ? props(stack) : props;
      return new BackgroundRemoval(stack, 'Removal', given);
    };
    expect(refusal(make)).toMatch(new RegExp(`^${name} of Shop/Removal must be ${accepts.replace(/[.()]/g, '\\$&')}`));
  });
});

describe('an unknown setting is refused by its name, with the nearest one:', () => {
  it.each([
    ['uploadBucket', 'uploadsBucket'],
    ['uploadsprefix', 'uploadsPrefix'],
    ['uploads-prefix', 'uploadsPrefix'],
    ['timeout', 'timeoutMinutes'],
    ['expectedTime', 'expectedSeconds'],
    ['results', 'resultsBucket'],
  ])('%s', (name, nearest) => {
    const message = refusal(() => readSettings(new App({ context: { [name]: 'x' } }).node));
    expect(message).toContain(`There is no setting ${name}. Did you mean ${nearest}?`);
  });
});

describe('an unknown error is refused by its name, because no removal fails with it:', () => {
  it('failedWith', () => {
    const name = 'NotAnImge' as 'NotAnImage';
    expect(refusal(() => RemoveBackground.failedWith(name))).toContain(
      'There is no error NotAnImge of removals. Did you mean NotAnImage?',
    );
  });
});
