import { resolve } from 'node:path';
import type { Context } from 'aws-lambda';
import { vi } from 'vitest';
import type { StepFunctionsOptions } from '../../local/step-functions.ts';
import { REGION, type Resource, synthesize, type Template } from '../../local/template.ts';

/** The API key that the secret holds and the simulated gateway accepts. */
export const API_KEY = 'key-that-nobody-may-see-1';
/** The one after it, when keys are rotated. */
export const NEXT_API_KEY = 'key-that-nobody-may-see-2';
/** Where the gateway calls back, in webhook mode. */
export const CALLBACK_URL = 'https://callback.lambda-url.us-east-1.on.aws/';

/** A function of the template: the handler itself, run in this process, with what the template sets. */
export interface DeployedFunction {
  arn: string;
  /** Such as `on-upload`. */
  name: string;
  timeoutSeconds: number;
  /**
   * The handler, loaded as often as AWS would load it where it keeps something of the invocation at hand, as the one
   * that works off a batch does. The others serve any number of invocations at once.
   */
  environments: Handler[];
}
export type Handler = (event: unknown, context: Context) => Promise<unknown>;

/** What `cdk deploy` would ship. */
export interface Stack {
  template: Template;
  functions: DeployedFunction[];
  definition: StepFunctionsOptions['definition'];
}

Object.assign(process.env, {
  AWS_REGION: REGION,
  AWS_ACCESS_KEY_ID: 'simulated',
  AWS_SECRET_ACCESS_KEY: 'simulated-secret-access-key',
  AWS_EC2_METADATA_DISABLED: 'true',
});

/** Handlers by what they were loaded with: two stacks share a function that is the same in both. */
const loaded = new Map<string, Handler[]>();

async function deploy(settings: Record<string, unknown>): Promise<Stack> {
  const template = synthesize(settings);
  for (const { logicalId } of template.resources('AWS::Lambda::Url'))
    template.functionUrls.set(logicalId, CALLBACK_URL);
  const functions: DeployedFunction[] = [];
  for (const resource of template.resources('AWS::Lambda::Function'))
    functions.push(await deployed(template, resource));
  const [machine] = template.resources('AWS::StepFunctions::StateMachine');
  return { template, functions, definition: JSON.parse(machine?.properties.DefinitionString) };
}

async function deployed(template: Template, { logicalId, properties }: Resource): Promise<DeployedFunction> {
  const [name = '', handler = ''] = String(properties.Handler).split('.');
  const { Variables } = properties.Environment;
  const count = environmentsOf(template, logicalId);
  const key = JSON.stringify([name, Variables, count]);
  const environments = loaded.get(key) ?? (await load(name, handler, Variables, count));
  loaded.set(key, environments);
  return { arn: template.arn(logicalId), name, timeoutSeconds: properties.Timeout, environments };
}

/** How many batches from a queue a function gets at once, each in an execution environment of its own. */
function environmentsOf(template: Template, logicalId: string): number {
  const mappings = template.resources('AWS::Lambda::EventSourceMapping');
  const mapping = mappings.find(({ properties }) => properties.FunctionName === template.ref(logicalId));
  return mapping?.properties.ScalingConfig.MaximumConcurrency ?? 1;
}

async function load(
  name: string,
  handler: string,
  variables: Record<string, string>,
  count: number,
): Promise<Handler[]> {
  // What only another stack's functions have; all else stays, because handlers may read it at any time.
  for (const variable of ['CALLBACK_TABLE', 'CALLBACK_URL']) delete process.env[variable];
  Object.assign(process.env, variables);
  const environments: Handler[] = [];
  while (environments.length < count) {
    vi.resetModules();
    const module = await import(resolve(import.meta.dirname, `../../functions/${name}.ts`));
    environments.push(module[handler]);
  }
  return environments;
}

/** The stack with the default settings, and the one that is called back. Buckets and so on have the same names in both. */
export const polling = await deploy({});
export const webhook = await deploy({ webhook: true });
export const { template } = polling;
export const uploadsBucket = template.output('UploadsBucket');
export const resultsBucket = template.output('ResultsBucket');
export const stateMachineArn = template.output('StateMachineArn');
export const secretArn = template.output('ApiKeySecretArn');
export const gatewayUrl = String(process.env.GATEWAY_URL);
