import { App, type AppProps, CfnParameter, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { ManagedPolicy, PermissionsBoundary } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket, BucketEncryption, type IBucket } from 'aws-cdk-lib/aws-s3';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { describe, expect, it } from 'vitest';
import { createApp } from '../../infra/app.ts';
import { BackgroundRemoval } from '../../infra/background-removal.ts';
import type { BackgroundRemovalProps } from '../../infra/props.ts';
import { readSettings } from '../../infra/settings/context.ts';
import { SettingError } from '../../infra/settings/readers.ts';
import { CutoutStack } from '../../infra/stack.ts';
import { flat, grantsOf, type Resource, resource, resources } from './read-template.ts';
import { withOutdir } from './synth.ts';
import { VARIANTS } from './variants.ts';

type Make = (stack: Stack) => BackgroundRemovalProps;

/** Makes the construct in a stack of somebody's own. */
function make(props: BackgroundRemovalProps | Make): Stack {
  const stack = new Stack(new App(), 'Shop');
  new BackgroundRemoval(stack, 'BackgroundRemoval', typeof props === 'function' ? props(stack) : props);
  return stack;
}

/** The message that refuses these props. */
function refusal(props: BackgroundRemovalProps | Make): string {
  try {
    make(props);
  } catch (error) {
    expect(error).toBeInstanceOf(SettingError);
    return (error as Error).message;
  }
  throw new Error('Accepted');
}

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
    expect(alarms).toHaveLength(6);
    for (const { Properties } of alarms) expect(Properties.AlarmActions).toEqual([arn]);
  });
});

describe('one bucket for uploads and results', () => {
  it('is refused without prefixes, because each result would be taken for an upload', () => {
    const message = refusal((stack) => {
      const bucket = new Bucket(stack, 'Images');
      return { uploads: bucket, results: bucket };
    });
    expect(message).toContain('Uploads and results overlap');
  });

  it('is refused also under two constructs for it', () => {
    const message = refusal((stack) => ({
      uploads: Bucket.fromBucketName(stack, 'In', 'images'),
      results: Bucket.fromBucketName(stack, 'Out', 'images'),
      resultsPrefix: 'out/',
    }));
    expect(message).toContain('Uploads and results overlap');
  });

  it('is refused under two KMS keys, because it has one', () => {
    const keyArn = 'arn:aws:kms:eu-west-1:111122223333:key/images';
    const message = refusal((stack) => {
      const encryptionKey = Key.fromKeyArn(stack, 'Key', keyArn);
      return {
        uploads: Bucket.fromBucketAttributes(stack, 'In', { bucketName: 'images', encryptionKey }),
        results: Bucket.fromBucketName(stack, 'Out', 'images'),
        ...{ uploadsPrefix: 'in/', resultsPrefix: 'out/' },
      };
    });
    expect(message).toContain('"images", which has one KMS key');
  });

  it('will do with prefixes of which neither begins with the other', () => {
    const props: Make = (stack) => {
      const bucket = new Bucket(stack, 'Images');
      return { uploads: bucket, results: bucket, uploadsPrefix: 'in/', resultsPrefix: 'out/' };
    };
    expect(() => make(props)).not.toThrow();
  });
});

describe('two constructs of one stack', () => {
  const two = (one: Partial<BackgroundRemovalProps>, other: Partial<BackgroundRemovalProps>) => {
    const stack = new Stack(new App(), 'Shop');
    const bucket = (name: string) => Bucket.fromBucketName(stack, name, name);
    const buckets = { photos: bucket('photos'), cutouts: bucket('cutouts') };
    for (const [id, props] of [
      ['One', one],
      ['Other', other],
    ] as const) {
      new BackgroundRemoval(new Construct(stack, id), 'Removal', {
        ...{ uploads: buckets.photos, results: buckets.cutouts, resultsPrefix: `${id}/` },
        ...props,
      });
    }
  };

  it.each<[string, Partial<BackgroundRemovalProps>, Partial<BackgroundRemovalProps>]>([
    ['the same uploads', {}, {}],
    ['the same uploads', { uploadsPrefix: 'in/' }, { uploadsPrefix: 'in/new/' }],
    ['the same uploads', { uploadsSuffixes: ['.jpg'] }, { uploadsSuffixes: ['x.jpg', '.png'] }],
    ['results to the same keys', { uploadsPrefix: 'a/' }, { uploadsPrefix: 'b/', resultsPrefix: 'One/b/' }],
  ])('are refused where both would process, or write, %s', (what, one, other) => {
    expect(() => two(one, other)).toThrow(SettingError);
    expect(() => two(one, other)).toThrow(what);
    expect(() => two(one, other)).toThrow('Shop/Other/Removal and Shop/One/Removal');
  });

  it('are refused where one would take the results of the other for uploads', () => {
    const stack = new Stack(new App(), 'Shop');
    const [a, b, c] = ['bucket-a', 'bucket-b', 'bucket-c'].map((name) => Bucket.fromBucketName(stack, name, name)) as [
      IBucket,
      IBucket,
      IBucket,
    ];
    new BackgroundRemoval(stack, 'One', { uploads: a, results: b });
    expect(() => new BackgroundRemoval(stack, 'Other', { uploads: b, results: c })).toThrow(
      'Shop/Other would take the results of Shop/One for uploads, and pay for each',
    );
  });

  it.each<[Partial<BackgroundRemovalProps>, Partial<BackgroundRemovalProps>]>([
    [{ uploadsPrefix: 'a/' }, { uploadsPrefix: 'b/' }],
    [{ uploadsSuffixes: ['.jpg'] }, { uploadsSuffixes: ['.png'] }],
  ])('may share buckets with other prefixes or endings: %j and %j', (one, other) => {
    expect(() => two(one, other)).not.toThrow();
  });
});

describe('a bucket for uploads', () => {
  const NOTIFICATIONS = 'Custom::S3BucketNotifications';

  it('of this app is told to send its events, and its KMS key may be used by those who read and write', () => {
    const stack = make((scope) => {
      const bucket = (id: string) =>
        new Bucket(scope, id, {
          encryption: BucketEncryption.KMS,
          encryptionKey: new Key(scope, `${id}Key`, { alias: id.toLowerCase() }),
        });
      return { uploads: bucket('Photos'), results: bucket('Cutouts') };
    });
    const template = Template.fromStack(stack);
    const [notifications, ...others] = Object.values(resources(template, NOTIFICATIONS));
    expect(others).toEqual([]);
    expect(flat(notifications?.Properties.BucketName)).toBe('<Photos>');
    expect(notifications?.Properties.NotificationConfiguration).toEqual({ EventBridgeConfiguration: {} });

    const keysOf = (role: string) =>
      grantsOf(template, role)
        .filter(({ action }) => action.startsWith('kms:'))
        .map(({ action, resource }) => `${action} ${resource}`);
    expect(keysOf('WorkflowSubmitRole')).toEqual(['kms:Decrypt <PhotosKey.Arn>']);
    expect(keysOf('WorkflowDeliverRole')).toEqual([
      'kms:GenerateDataKey <CutoutsKey.Arn>',
      'kms:Decrypt <CutoutsKey.Arn>',
    ]);
    expect(keysOf('WorkflowCheckStatusRole')).toEqual([]);
  });

  it('that is imported is left alone, because its notifications would be replaced', () => {
    const stack = make((scope) => ({ uploads: Bucket.fromBucketName(scope, 'Photos', 'photos') }));
    expect(resources(Template.fromStack(stack), NOTIFICATIONS)).toEqual({});
  });
});

const BOUNDARY = 'arn:aws:iam::111122223333:policy/Developers';

/** The boundaries of all roles in the template of an app, by logical id. */
function boundaries(make: (props: AppProps) => App): Record<string, string> {
  return withOutdir((outdir) => {
    const { Resources } = make({ outdir }).synth().getStackByName('Cutout').template;
    const roles = Object.entries<Resource>(Resources).filter(([, { Type }]) => Type === 'AWS::IAM::Role');
    return Object.fromEntries(
      roles.map(([id, { Properties }]) => [id, flat(Properties.PermissionsBoundary ?? 'none')]),
    );
  });
}

describe('a permissions boundary', () => {
  // Which together make every role there is.
  it.each(['webhook', 'destroy'] as const)('of the app is that of every role in the variant "%s"', (variant) => {
    const context = VARIANTS[variant];
    const found = boundaries((props) => {
      const app = new App({ ...props, context });
      const stack = new CutoutStack(app, 'Cutout', { settings: readSettings(app.node) });
      PermissionsBoundary.of(app).apply(ManagedPolicy.fromManagedPolicyArn(stack, 'Boundary', BOUNDARY));
      return app;
    });
    expect(new Set(Object.values(found))).toEqual(new Set([BOUNDARY]));
    const emptiesBuckets = Object.keys(found).some((id) => id.startsWith('CustomS3AutoDeleteObjects'));
    expect(emptiesBuckets).toBe(variant === 'destroy');
  });

  it("in the CDK's context is that of every role", () => {
    const context = { '@aws-cdk/core:permissionsBoundary': { name: 'Developers' }, removal: 'destroy' };
    const found = boundaries((props) => createApp({ ...props, context }));
    expect(Object.keys(found).length).toBeGreaterThan(10);
    const name = 'arn:<AWS::Partition>:iam::<AWS::AccountId>:policy/Developers';
    expect(new Set(Object.values(found))).toEqual(new Set([name]));
  });
});
