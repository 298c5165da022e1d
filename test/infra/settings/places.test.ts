import { App, CfnParameter, Duration, NestedStack, Stack, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Alias, Key } from 'aws-cdk-lib/aws-kms';
import { Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { AwsSolutionsChecks, NagPack } from 'cdk-nag';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BackgroundRemoval, type BackgroundRemovalProps, RemoveBackground } from '../../../infra/index.ts';
import { SettingError } from '../../../infra/settings/readers.ts';

const HERE = { account: '111122223333', region: 'eu-west-1' };
const KEY = `arn:aws:kms:eu-west-1:${HERE.account}:key/photos`;

type Make = (stack: Stack) => BackgroundRemovalProps;

function shop(env?: { account: string; region: string }): Stack {
  return new Stack(new App(), 'Shop', env && { env });
}

function make(props: Make, stack = shop(HERE)): Stack {
  new BackgroundRemoval(stack, 'Removal', props(stack));
  return stack;
}

/** All that is allowed on a resource whose readable name holds this text, as `action resource condition`. */
function allowedOn(stack: Stack, text: string): string[] {
  return Object.values(Template.fromStack(stack).findResources('AWS::IAM::Policy'))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement)
    .filter(({ Resource }) => JSON.stringify(Resource).includes(text))
    .map(({ Action, Condition }) => `${[Action].flat().join()} ${JSON.stringify(Condition ?? {})}`);
}

describe('a KMS key that is known by its ARN only', () => {
  it('may be used by the three functions that read the secret, through Secrets Manager alone', () => {
    const stack = make((scope) => ({
      apiKeySecret: Secret.fromSecretAttributes(scope, 'ApiKey', {
        secretCompleteArn: `arn:aws:secretsmanager:eu-west-1:${HERE.account}:secret:pixazo-AbC123`,
        encryptionKey: Key.fromKeyArn(scope, 'Key', KEY),
      }),
    }));
    const viaSecretsManager = { StringEquals: { 'kms:ViaService': 'secretsmanager.eu-west-1.amazonaws.com' } };
    expect(allowedOn(stack, KEY)).toEqual(Array(3).fill(`kms:Decrypt ${JSON.stringify(viaSecretsManager)}`));
  });

  it('may belong to another stack, with its secret', () => {
    const app = new App();
    const keys = new Stack(app, 'Keys');
    const apiKeySecret = new Secret(keys, 'ApiKey', { encryptionKey: new Key(keys, 'Key') });
    const stack = new Stack(app, 'Shop');
    new BackgroundRemoval(stack, 'Removal', { apiKeySecret });
    expect(() => app.synth()).not.toThrow();
  });
});

describe('an alias of a KMS key', () => {
  it('stands for its key in policies and in what names it', () => {
    const stack = make((scope) => {
      const alias = new Alias(scope, 'Alias', {
        aliasName: 'alias/photos',
        targetKey: Key.fromKeyArn(scope, 'Key', KEY),
      });
      return { results: Bucket.fromBucketAttributes(scope, 'Photos', { bucketName: 'photos', encryptionKey: alias }) };
    });
    expect(allowedOn(stack, 'alias/')).toEqual([]);
    expect(allowedOn(stack, KEY)).toContain('kms:GenerateDataKey,kms:Decrypt {}');
    const functions = Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function'));
    const named = functions.flatMap(({ Properties }) => Properties.Environment?.Variables.RESULTS_KMS_KEY ?? []);
    expect(new Set(named)).toEqual(new Set([KEY]));
  });

  it('is refused if its key is not known', () => {
    const alias = (scope: Stack) => Alias.fromAliasName(scope, 'Alias', 'alias/photos');
    const uploads: Make = (scope) => ({
      uploads: Bucket.fromBucketAttributes(scope, 'Photos', { bucketName: 'photos', encryptionKey: alias(scope) }),
    });
    const apiKeySecret: Make = (scope) => ({
      apiKeySecret: Secret.fromSecretAttributes(scope, 'ApiKey', {
        secretCompleteArn: `arn:aws:secretsmanager:eu-west-1:${HERE.account}:secret:pixazo-AbC123`,
        encryptionKey: alias(scope),
      }),
    });
    for (const [props, path] of [
      [uploads, 'Shop/Photos'],
      [apiKeySecret, 'Shop/ApiKey'],
    ] as const) {
      expect(() => make(props)).toThrow(SettingError);
      expect(() => make(props)).toThrow(
        `The encryptionKey of ${path} is the alias alias/photos, whose key is not known`,
      );
    }
  });
});

describe('what is surely in another account or region is refused by name:', () => {
  const there = { account: HERE.account, region: 'us-east-1' };
  const bucket = (scope: Stack, env = there) =>
    Bucket.fromBucketAttributes(scope, 'Far', { bucketName: 'photos', ...env });

  it.each<[string, Make]>([
    ['uploads of Shop/Removal is in the region us-east-1', (scope) => ({ uploads: bucket(scope) })],
    ['results of Shop/Removal is in the region us-east-1', (scope) => ({ results: bucket(scope) })],
    [
      'uploads of Shop/Removal is in the account 444455556666',
      (scope) => ({ uploads: bucket(scope, { ...HERE, account: '444455556666' }) }),
    ],
    [
      'apiKeySecret of Shop/Removal is in the region us-east-1',
      (scope) => ({
        apiKeySecret: Secret.fromSecretCompleteArn(
          scope,
          'Far',
          `arn:aws:secretsmanager:us-east-1:${HERE.account}:secret:pixazo-AbC123`,
        ),
      }),
    ],
    [
      'alarmTopic of Shop/Removal is in the region us-east-1',
      (scope) => ({ alarmTopic: Topic.fromTopicArn(scope, 'Far', `arn:aws:sns:us-east-1:${HERE.account}:alarms`) }),
    ],
  ])('%s', (message, props) => {
    expect(() => make(props)).toThrow(SettingError);
    expect(() => make(props)).toThrow(message);
  });

  it('but not what is known only at deployment, nor a topic of another account', () => {
    const topic: Make = (scope) => ({
      alarmTopic: Topic.fromTopicArn(scope, 'T', 'arn:aws:sns:eu-west-1:444455556666:t'),
    });
    expect(() => make(topic)).not.toThrow();
    expect(() => make((scope) => ({ uploads: bucket(scope) }), shop())).not.toThrow();
  });

  it('a state machine that a task is to start', () => {
    const stack = shop(HERE);
    const arn = `arn:aws:states:us-east-1:${HERE.account}:stateMachine:removal`;
    const stateMachine = StateMachine.fromStateMachineArn(stack, 'Far', arn);
    expect(() =>
      RemoveBackground.jsonPath(stack, 'Cut out', { stateMachine, bucket: 'photos', key: 'cat.jpg' }),
    ).toThrow(
      'stateMachine of RemoveBackground "Cut out" is in the region us-east-1, and not in eu-west-1 as the stack',
    );
  });

  it('a grantee that has no policy', () => {
    const removal = new BackgroundRemoval(shop(HERE), 'Removal');
    expect(() => removal.grantStart(new ServicePrincipal('events.amazonaws.com'))).toThrow(
      'cannot be granted the start of executions of Shop/Removal',
    );
  });
});

describe('a value that is known only at deployment', () => {
  const number = (scope: Stack) => new CfnParameter(scope, 'Number', { type: 'Number' }).valueAsNumber;
  const list = (scope: Stack) => new CfnParameter(scope, 'List', { type: 'CommaDelimitedList' }).valueAsList;

  it('may be the list of hosts that results are fetched from', () => {
    const stack = make((scope) => ({ resultHosts: list(scope) }));
    const functions = Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function'));
    const hosts = functions.flatMap(({ Properties }) => Properties.Environment?.Variables.RESULT_HOSTS ?? []);
    expect(hosts).toEqual([{ 'Fn::Join': [',', { Ref: 'List' }] }]);
  });

  it.each<[string, Make]>([
    ['uploadsSuffixes', (scope) => ({ uploadsSuffixes: list(scope) })],
    ['expectedTime', (scope) => ({ expectedTime: Duration.seconds(number(scope)), webhook: {} })],
  ])('cannot be %s, and the refusal says why', (prop, props) => {
    expect(() => make(props)).toThrow(SettingError);
    expect(() => make(props)).toThrow(new RegExp(`^${prop} of Shop/Removal must be known at synth, because .*`));
  });
});

describe('a metric of the functions', () => {
  it('says its region and account, so that the CDK refuses an alarm in another region', () => {
    const app = new App();
    const stack = new Stack(app, 'Shop', { env: HERE });
    const removal = new BackgroundRemoval(stack, 'Removal');
    const far = new Stack(app, 'Alarms', { env: { ...HERE, region: 'us-east-1' } });
    const metric = removal.metricDelivered();
    expect(metric).toMatchObject({ region: HERE.region, account: HERE.account });
    // An alarm that would have no data for ever.
    expect(() => new Alarm(far, 'Alarm', { metric, threshold: 1, evaluationPeriods: 1 })).toThrow(
      "Cannot create an Alarm in region 'us-east-1' based on metric 'Delivered' in 'eu-west-1'",
    );
  });
});

describe('what cdk-nag finds', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('is accepted too in a stack of a known region, and for buckets of other stacks and of a parent', () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const validate = vi.spyOn(NagPack.prototype, 'validate');
    const app = new App();
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    const data = new Stack(app, 'Data', { env: HERE });
    const options = { encryption: BucketEncryption.S3_MANAGED, enforceSSL: true, serverAccessLogsPrefix: 'log/' };
    const uploads = new Bucket(data, 'Uploads', options);
    new BackgroundRemoval(new Stack(app, 'Shop', { env: HERE }), 'Removal', { uploads });
    const parent = new Stack(app, 'Parent', { env: HERE });
    const results = new Bucket(parent, 'Results', options);
    new BackgroundRemoval(new NestedStack(parent, 'Nested'), 'Removal', { results });
    // The CDK's own function, by which a bucket of the app is told to send its events, has findings of its own.
    expect(() => app.synth()).toThrow('BucketNotificationsHandler');
    const found = validate.mock.results.flatMap(({ value }) => value.violations.map(flatFinding));
    expect(found.filter((line) => !line.includes('/BucketNotificationsHandler'))).toEqual([]);
    expect(found).not.toEqual([]);
  });
});

function flatFinding(finding: { ruleName: string }): string {
  return `${finding.ruleName}: ${JSON.stringify(finding)}`;
}
