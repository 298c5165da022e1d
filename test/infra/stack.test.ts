import { App, type AppProps } from 'aws-cdk-lib';
import type { Template } from 'aws-cdk-lib/assertions';
import { ManagedPolicy, PermissionsBoundary } from 'aws-cdk-lib/aws-iam';
import { describe, expect, it } from 'vitest';
import { createApp } from '../../infra/app.ts';
import { readSettings } from '../../infra/settings/context.ts';
import { CutoutStack } from '../../infra/stack.ts';
import { flat, type Resource, resource, resources, short } from './read-template.ts';
import { templateOf, withOutdir } from './synth.ts';
import { VARIANTS, type Variant } from './variants.ts';

const standard = templateOf('default');

describe('the outputs', () => {
  const values = (template: Template) =>
    Object.fromEntries(Object.entries(template.findOutputs('*')).map(([name, { Value }]) => [name, flat(Value)]));

  it('say where to drop images, where cutouts appear, what to call, and what to do next', () => {
    expect(values(standard)).toEqual({
      UploadsBucket: '<Uploads>',
      ResultsBucket: '<Results>',
      StateMachineArn: '<WorkflowStateMachine>',
      BackfillStateMachineArn: '<BackfillStateMachine>',
      ApiKeySecretArn: '<ApiKey>',
      SetApiKeyCommand:
        'aws secretsmanager put-secret-value --region <AWS::Region> --secret-id <ApiKey> --secret-string file:///dev/stdin',
      UploadsLocation: 's3://<Uploads>/',
      UploadsQueueUrl: '<IntakeQueue>',
      UploadsEventSourceMapping: expect.stringMatching(/^<IntakeOnUploadSqsEventSource/),
      ResultsLocation: 's3://<Results>/',
      DeadLetterQueueUrl: '<IntakeDeadLetterQueue>',
      MoveDeadLettersCommand:
        'aws sqs start-message-move-task --region <AWS::Region> --source-arn <IntakeDeadLetterQueue.Arn> ' +
        '--destination-arn <IntakeQueue.Arn>',
    });
    for (const { Description } of Object.values(standard.findOutputs('*'))) expect(Description).toMatch(/\w+ \w+/);
  });

  it('name what exists, where that is used', () => {
    const outputs = values(templateOf('existing'));
    expect(outputs).toMatchObject({ UploadsBucket: 'my-uploads', ResultsBucket: 'my-results' });
    const arn = 'arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:pixazo/api-key';
    expect(outputs).toMatchObject({
      ApiKeySecretArn: arn,
      SetApiKeyCommand: expect.stringContaining(`--secret-id ${arn} `),
    });
  });
});

describe('the command that switches on events', () => {
  it('is put out for an existing uploads bucket, and keeps what its configuration says otherwise', () => {
    const { EnableEventsCommand } = templateOf('existing').findOutputs('*');
    expect(flat(EnableEventsCommand?.Value)).toBe(
      'aws s3api put-bucket-notification-configuration --region <AWS::Region> --bucket my-uploads ' +
        '--notification-configuration "$(aws s3api get-bucket-notification-configuration --region <AWS::Region> ' +
        "--bucket my-uploads --output json --query 'merge(@, {EventBridgeConfiguration: `{}`})')\"",
    );
  });
});

describe('with removal=destroy', () => {
  const template = templateOf('destroy');

  it('nothing stays behind', () => {
    const kept = Object.entries(template.toJSON().Resources as Record<string, Resource>)
      .filter(([, { DeletionPolicy }]) => DeletionPolicy !== undefined && DeletionPolicy !== 'Delete')
      .map(([id]) => short(id));
    expect(kept).toEqual([]);
    for (const type of ['AWS::S3::Bucket', 'AWS::SecretsManager::Secret']) {
      for (const { DeletionPolicy, UpdateReplacePolicy } of Object.values(resources(template, type))) {
        expect({ DeletionPolicy, UpdateReplacePolicy }).toEqual({
          DeletionPolicy: 'Delete',
          UpdateReplacePolicy: 'Delete',
        });
      }
    }
  });

  it('both buckets are emptied first', () => {
    const emptied = Object.values(resources(template, 'Custom::S3AutoDeleteObjects'));
    expect(emptied.map(({ Properties }) => flat(Properties.BucketName)).sort()).toEqual(['<Results>', '<Uploads>']);
  });
});

describe('with existing buckets', () => {
  const template = templateOf('existing');

  it('makes no bucket, and touches neither policy nor notifications of the ones that exist', () => {
    for (const type of ['AWS::S3::Bucket', 'AWS::S3::BucketPolicy', 'Custom::S3BucketNotifications']) {
      template.resourceCountIs(type, 0);
    }
    template.resourceCountIs('AWS::Lambda::Function', 10);
  });

  it('matches the events of the uploads bucket by its name', () => {
    const { detail } = resource(template, 'AWS::Events::Rule', 'IntakeRule').Properties.EventPattern;
    expect(detail).toEqual({ bucket: { name: ['my-uploads'] } });
  });

  it('tells the functions their names', () => {
    const { Variables } = resource(template, 'AWS::Lambda::Function', 'WorkflowDeliver').Properties.Environment;
    expect(Variables).toMatchObject({ UPLOADS_BUCKET: 'my-uploads', RESULTS_BUCKET: 'my-results' });
  });
});

describe('every variant', () => {
  it.each(Object.keys(VARIANTS) as Variant[])(
    '%s has no circular references, which only a deployment would refuse',
    (variant) => {
      const all = templateOf(variant).toJSON().Resources as Record<string, unknown>;
      const uses = Object.fromEntries(Object.entries(all).map(([id, each]) => [id, referencesIn(each, all)]));
      const done = new Set<string>();
      const visit = (id: string, path: string[]): void => {
        expect(path, [...path, id].join(' → ')).not.toContain(id);
        if (done.has(id)) return;
        for (const next of uses[id] ?? []) visit(next, [...path, id]);
        done.add(id);
      };
      for (const id of Object.keys(all)) visit(id, []);
      expect(done.size).toBe(Object.keys(all).length);
    },
  );
});

/** The logical ids that a part of the template refers to. */
function referencesIn(value: unknown, all: Record<string, unknown>): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]): string[] => {
    if (name === 'Ref' || name === 'DependsOn') return [each].flat().filter((id) => id in all);
    if (name === 'Fn::GetAtt') return [String((each as string[])[0])];
    return referencesIn(each, all);
  });
}

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
