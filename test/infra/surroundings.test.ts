import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Aspects, NestedStack, Stack, Stage } from 'aws-cdk-lib';
import { CfnRole } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { CodePipeline, CodePipelineSource, ShellStep } from 'aws-cdk-lib/pipelines';
import recommended from 'aws-cdk-lib/recommended-feature-flags.json' with { type: 'json' };
import { Construct } from 'constructs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { BackgroundRemoval } from '../../infra/index.ts';
import type { Resource } from './read-template.ts';
import { withOutdir } from './synth.ts';

/** What may stand around the construct in somebody's app, all of it at once. */

const BOUNDARY = 'arn:aws:iam::444455556666:policy/Developers';
/** As long as CloudFormation takes it. */
const STACK_NAME = `Shop-${'a'.repeat(123)}`;
const LEVELS = 12;

/** Buckets and their keys in one stack; in another of a long name two constructs, deep down, and one in a nested stack. */
function addShop(scope: Construct): void {
  const data = new Stack(scope, 'Data');
  const encrypted = (id: string) =>
    new Bucket(data, id, { encryption: BucketEncryption.KMS, encryptionKey: new Key(data, `${id}Key`) });
  const shop = new Stack(scope, 'Shop', { stackName: STACK_NAME });
  let deep: Construct = shop;
  for (let level = 1; level <= LEVELS; level++) deep = new Construct(deep, `DepartmentOnLevel${level}OfTheShop`);
  new BackgroundRemoval(deep, 'Photos', { uploads: encrypted('Uploads'), results: encrypted('Results') });
  new BackgroundRemoval(deep, 'Scans');
  new BackgroundRemoval(new NestedStack(shop, 'Nested'), 'Photos');
}

// Validating so many templates takes far longer than their synth; other tests do it.
beforeAll(() => {
  vi.stubEnv('CDK_VALIDATION', 'false');
});

type Resources = Record<string, Resource>;

/** Synthesizes an app, and reads the resources of all its templates, by the template's path. */
function synthesize(flags: Record<string, unknown>, fill: (app: App) => void): Record<string, Resources> {
  return withOutdir((outdir) => {
    const app = new App({ outdir, context: flags });
    fill(app);
    app.synth();
    const paths = readdirSync(outdir, { recursive: true, encoding: 'utf8' });
    const templates = paths.filter((path) => path.endsWith('.template.json'));
    return Object.fromEntries(
      templates.map((path) => [path, JSON.parse(readFileSync(join(outdir, path), 'utf8')).Resources as Resources]),
    );
  });
}

/** The templates whose path holds this text. */
function templatesOf(templates: Record<string, Resources>, text: string): Resources[] {
  return Object.entries(templates).flatMap(([path, resources]) => (path.includes(text) ? [resources] : []));
}

function ofType(templates: Resources[], type: string): Resource[] {
  return templates.flatMap((resources) => Object.values(resources).filter(({ Type }) => Type === type));
}

describe('an app with all recommended feature flags', () => {
  let templates: Record<string, Resources>;
  beforeAll(() => {
    templates = synthesize(recommended, (app) => {
      const pipeline = new Stack(app, 'Pipeline', { env: { account: '111122223333', region: 'eu-west-1' } });
      const input = CodePipelineSource.s3(Bucket.fromBucketName(pipeline, 'Source', 'sources'), 'shop.zip');
      const synth = new ShellStep('Synth', { input, commands: ['npx cdk synth'] });
      const production = new Stage(app, 'Production', { env: { account: '444455556666', region: 'eu-central-1' } });
      addShop(production);
      Aspects.of(production).add({
        visit(node) {
          if (node instanceof CfnRole) node.permissionsBoundary = BOUNDARY;
        },
      });
      new CodePipeline(pipeline, 'Pipeline', { synth, crossAccountKeys: true }).addStage(production);
      const china = new Stack(app, 'China', { env: { account: '777788889999', region: 'cn-north-1' } });
      new BackgroundRemoval(china, 'Photos');
    });
  });

  it('has all of each removal in a stage, deep in a stack of a long name, and in a nested stack', () => {
    const production = templatesOf(templates, 'Production');
    expect(ofType(production, 'AWS::StepFunctions::StateMachine')).toHaveLength(3 * 2);
  });

  it('has the code of every function published by its pipeline', () => {
    const [pipeline] = ofType(templatesOf(templates, 'Pipeline.template'), 'AWS::CodePipeline::Pipeline');
    const functions = ofType(templatesOf(templates, 'Production'), 'AWS::Lambda::Function');
    const keys = new Set(functions.flatMap(({ Properties }) => Properties.Code.S3Key ?? []));
    const projects = ofType(templatesOf(templates, 'Pipeline.template'), 'AWS::CodeBuild::Project');
    const published = JSON.stringify(projects);
    expect(pipeline?.Properties.Stages.map(({ Name }: { Name: string }) => Name)).toContain('Assets');
    expect(keys.size).toBeGreaterThan(8);
    for (const key of keys) expect(published).toContain(String(key).replace('.zip', ''));
  });

  it('gives every role the permissions boundary of an aspect', () => {
    const roles = ofType(templatesOf(templates, 'Production'), 'AWS::IAM::Role');
    expect(roles.length).toBeGreaterThan(3 * 10);
    expect(new Set(roles.map(({ Properties }) => Properties.PermissionsBoundary))).toEqual(new Set([BOUNDARY]));
  });

  it('names no other partition in China', () => {
    const text = JSON.stringify(templatesOf(templates, 'China'));
    expect(text).toContain('arn:aws-cn:');
    expect(text.match(/.{20}arn:aws:.{60}/g)).toBeNull();
  });

  it('has no name twice in an account, in resources or in metrics', () => {
    const production = templatesOf(templates, 'Production');
    const logs = ofType(production, 'AWS::Logs::LogGroup');
    const names = logs.flatMap(({ Properties }) => Properties.LogGroupName ?? []);
    expect(names).toHaveLength(3 * 2);
    expect(new Set(names).size).toBe(names.length);
    const functions = ofType(production, 'AWS::Lambda::Function');
    const services = functions.flatMap(
      ({ Properties }) => Properties.Environment?.Variables.POWERTOOLS_SERVICE_NAME ?? [],
    );
    expect(new Set(services).size).toBe(3);
  });
});

describe('an app without any feature flag', () => {
  it('has all of each removal', () => {
    const templates = Object.values(synthesize({}, addShop));
    expect(ofType(templates, 'AWS::StepFunctions::StateMachine')).toHaveLength(3 * 2);
  });
});
