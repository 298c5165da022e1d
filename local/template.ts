import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { App, AppProps } from 'aws-cdk-lib';
import { createApp } from '../infra/app.ts';

/** Where the template is deployed to on this machine. */
export const REGION = 'us-east-1';
export const ACCOUNT = '000000000000';

type Json = null | boolean | number | string | Json[] | NamedJson;
type NamedJson = { [key: string]: Json };
interface ResourceJson {
  Type: string;
  Properties?: Json;
  Metadata?: Record<string, unknown>;
}
interface TemplateJson {
  Resources: Record<string, ResourceJson>;
  Outputs?: Record<string, { Value: Json }>;
}
/** A resource of the template, its references resolved. */
export interface Resource {
  logicalId: string;
  // Deliberately loose: each reader knows the few properties of the type that it asked for.
  // biome-ignore lint/suspicious/noExplicitAny: CloudFormation properties have no types here
  properties: any;
  /** Folder of a function's code, relative to the folder of the assembly. */
  assetPath: string | undefined;
}

/** A CDK app. */
export interface AppOptions {
  /** Makes the app. The settings, and where the simulated gateway is, are in its context. @default - Cutout's own */
  app?: ((props: AppProps) => App) | undefined;
  /** The stack of the app that is meant. @default 'Cutout' */
  stackName?: string | undefined;
}

/** A synthesized stack, with its assets. */
export interface Synthesized {
  template: Template;
  /** Folder of the assembly; whoever synthesized removes it. */
  outdir: string;
}

const PSEUDO_PARAMETERS: Record<string, string> = {
  'AWS::Region': REGION,
  'AWS::AccountId': ACCOUNT,
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
};

/** The property that gives a resource its name; without it, the logical id does. */
const NAME_PROPERTIES: Record<string, string> = {
  'AWS::S3::Bucket': 'BucketName',
  'AWS::DynamoDB::Table': 'TableName',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::StepFunctions::StateMachine': 'StateMachineName',
  'AWS::SQS::Queue': 'QueueName',
  'AWS::SSM::Parameter': 'Name',
};
const REF_IS_ARN = new Set(['AWS::StepFunctions::StateMachine', 'AWS::SecretsManager::Secret', 'AWS::SNS::Topic']);

/** The URL by which SQS knows a queue. */
export function queueUrl(name: string): string {
  return `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${name}`;
}

/** Synthesizes Cutout with the given settings, as `cdk synth -c …` does. */
export function synthesize(settings: Record<string, unknown> = {}): Template {
  const { template, outdir } = synthesizeApp(settings);
  rmSync(outdir, { recursive: true });
  return template;
}

/** Synthesizes an app with the given context. */
export function synthesizeApp(
  settings: Record<string, unknown>,
  { app = uncheckedApp, stackName = 'Cutout' }: AppOptions = {},
): Synthesized {
  const outdir = mkdtempSync(join(tmpdir(), 'cutout-'));
  try {
    const context = { ...settings, 'aws:cdk:enable-asset-metadata': true, 'aws:cdk:enable-path-metadata': true };
    // CloudFormation's rules take longer than all else here; `cdk synth` and the tests of the template ask them.
    const assembly = app({ context, outdir, builtinCloudFormationValidation: false }).synth();
    return { template: new Template(assembly.getStackByName(stackName).template, stackName), outdir };
  } catch (error) {
    rmSync(outdir, { recursive: true });
    throw error;
  }
}

interface Names {
  name: string;
  arn: string;
}

/** A synthesized template whose references resolve to names on this machine. */
export class Template {
  readonly stackName: string;
  readonly #resources: TemplateJson['Resources'];
  readonly #outputs: Record<string, { Value: Json }>;
  /** By logical id, as they are asked for at each call of a service. */
  readonly #known = new Map<string, Names>();
  /** Addresses of function URLs, by logical id; on AWS they are known once deployed. */
  readonly functionUrls = new Map<string, string>();

  constructor(template: TemplateJson, stackName: string) {
    this.stackName = stackName;
    this.#resources = template.Resources;
    this.#outputs = template.Outputs ?? {};
  }

  /** All resources of a type, such as `AWS::S3::Bucket`. */
  resources(type: string): Resource[] {
    return Object.entries(this.#resources)
      .filter(([, resource]) => resource.Type === type)
      .map(([logicalId, { Properties = {}, Metadata }]) => ({
        logicalId,
        properties: this.#resolve(Properties),
        assetPath: Metadata?.['aws:asset:path'] as string | undefined,
      }));
  }

  /** Logical ids and types of all resources. */
  get contents(): { logicalId: string; type: string }[] {
    return Object.entries(this.#resources).map(([logicalId, { Type: type }]) => ({ logicalId, type }));
  }

  get outputNames(): string[] {
    return Object.keys(this.#outputs);
  }

  output(name: string): string {
    const output = this.#outputs[name];
    if (output === undefined) throw new Error(`The template has no output ${name}`);
    return String(this.#resolve(output.Value));
  }

  /** What `Ref` gives for a resource. */
  ref(logicalId: string): string {
    const { name, arn } = this.#names(logicalId);
    const type = this.#resources[logicalId]?.Type;
    if (type !== undefined && REF_IS_ARN.has(type)) return arn;
    return type === 'AWS::SQS::Queue' ? queueUrl(name) : name;
  }

  /** What `Fn::GetAtt` of `Arn` gives for a resource. */
  arn(logicalId: string): string {
    return this.#names(logicalId).arn;
  }

  #names(logicalId: string): Names {
    const known = this.#known.get(logicalId) ?? this.#namesAnew(logicalId);
    this.#known.set(logicalId, known);
    return known;
  }

  #namesAnew(logicalId: string): Names {
    const type = this.#resources[logicalId]?.Type;
    const { [NAME_PROPERTIES[type ?? ''] ?? '']: given } = (this.#resources[logicalId]?.Properties ?? {}) as NamedJson;
    const made = type === 'AWS::S3::Bucket' ? this.#bucketName(logicalId) : logicalId;
    const name = given === undefined ? made : String(this.#resolve(given));
    const at = `${REGION}:${ACCOUNT}`;
    const arns: Record<string, string> = {
      'AWS::S3::Bucket': `arn:aws:s3:::${name}`,
      'AWS::DynamoDB::Table': `arn:aws:dynamodb:${at}:table/${name}`,
      'AWS::Lambda::Function': `arn:aws:lambda:${at}:function:${name}`,
      'AWS::StepFunctions::StateMachine': `arn:aws:states:${at}:stateMachine:${name}`,
      'AWS::SQS::Queue': `arn:aws:sqs:${at}:${name}`,
      'AWS::SecretsManager::Secret': `arn:aws:secretsmanager:${at}:secret:${name}-AbCdEf`,
      'AWS::Events::Rule': `arn:aws:events:${at}:rule/${name}`,
      'AWS::Logs::LogGroup': `arn:aws:logs:${at}:log-group:${name}:*`,
      'AWS::IAM::Role': `arn:aws:iam::${ACCOUNT}:role/${name}`,
      'AWS::SNS::Topic': `arn:aws:sns:${at}:${name}`,
      'AWS::KMS::Key': `arn:aws:kms:${at}:key/${name}`,
      'AWS::SSM::Parameter': `arn:aws:ssm:${at}:parameter/${name.replace(/^\//, '')}`,
    };
    const arn = type === undefined ? undefined : arns[type];
    return { name, arn: arn ?? `arn:aws:unknown:${at}:${name}` };
  }

  /** A bucket is called what its construct is, as `uploads`, unless another one's is called the same. */
  #bucketName(logicalId: string): string {
    const idOf = ({ Type, Metadata }: ResourceJson) => {
      const path = Type === 'AWS::S3::Bucket' ? String(Metadata?.['aws:cdk:path'] ?? '') : '';
      return path.split('/').at(-2)?.toLowerCase();
    };
    const all = Object.values(this.#resources).map(idOf);
    const own = this.#resources[logicalId] && idOf(this.#resources[logicalId]);
    const isName = own !== undefined && /^[a-z0-9][a-z0-9-]{2,61}$/.test(own);
    return isName && all.filter((each) => each === own).length === 1 ? own : logicalId.toLowerCase();
  }

  #resolve(value: Json): Json {
    if (Array.isArray(value)) return value.map((item) => this.#resolve(item));
    if (value === null || typeof value !== 'object') return value;
    const [entry, ...more] = Object.entries(value);
    if (entry !== undefined && more.length === 0) {
      const [name, argument] = entry;
      if (name === 'Ref') return this.#pseudo(String(argument)) ?? this.ref(String(argument));
      if (name.startsWith('Fn::')) return this.#call(name, argument as Json[]);
    }
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.#resolve(item)]));
  }

  #pseudo(name: string): string | undefined {
    return name === 'AWS::StackName' ? this.stackName : PSEUDO_PARAMETERS[name];
  }

  #call(name: string, argument: Json[]): Json {
    switch (name) {
      case 'Fn::GetAtt': {
        const [logicalId, attribute] = argument.map(String) as [string, string];
        if (attribute === 'FunctionUrl') return this.functionUrls.get(logicalId) ?? '';
        return attribute === 'Arn' ? this.arn(logicalId) : this.#names(logicalId).name;
      }
      case 'Fn::Join': {
        const [delimiter, items] = this.#resolve(argument) as [string, Json[]];
        return items.join(delimiter);
      }
      case 'Fn::Sub':
        return String(argument).replace(/\$\{([^}]+)\}/g, (_, reference) => String(this.#resolve({ Ref: reference })));
      case 'Fn::Select': {
        const [index, items] = this.#resolve(argument) as [number, Json[]];
        return items[Number(index)] ?? '';
      }
      case 'Fn::Split': {
        const [delimiter, text] = this.#resolve(argument) as [string, string];
        return text.split(delimiter);
      }
      default:
        throw new Error(`The local run cannot resolve ${name}`);
    }
  }
}

/** The same template sooner: what is to be run here has been checked by `cdk synth`, or by the tests of the template. */
function uncheckedApp(props: AppProps): App {
  return createApp(props, { checked: false });
}
