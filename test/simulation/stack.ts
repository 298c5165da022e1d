import { resolve } from 'node:path';
import type { Context } from 'aws-lambda';
import { vi } from 'vitest';
import { REGION, type Resource, synthesize } from '../../local/template.ts';

/** The API key that the secret holds and the simulated gateway accepts. */
export const API_KEY = 'key-that-nobody-may-see-1';
/** The one after it, when keys are rotated. */
export const NEXT_API_KEY = 'key-that-nobody-may-see-2';

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

/** The template that `cdk deploy` would ship with the default settings. */
export const template = synthesize();
const resources = template.resources('AWS::Lambda::Function');
// One process stands for all functions; the template gives a variable the same value in each function that has it.
for (const { properties } of resources) Object.assign(process.env, properties.Environment.Variables);
Object.assign(process.env, {
  AWS_REGION: REGION,
  AWS_ACCESS_KEY_ID: 'simulated',
  AWS_SECRET_ACCESS_KEY: 'simulated-secret-access-key',
  AWS_EC2_METADATA_DISABLED: 'true',
});

/** How many batches from a queue a function gets at once, each in an execution environment of its own. */
function environmentsOf(logicalId: string): number {
  const mappings = template.resources('AWS::Lambda::EventSourceMapping');
  const mapping = mappings.find(({ properties }) => properties.FunctionName === template.ref(logicalId));
  return mapping?.properties.ScalingConfig.MaximumConcurrency ?? 1;
}

async function deployed({ logicalId, properties }: Resource): Promise<DeployedFunction> {
  const [name = '', handler = ''] = String(properties.Handler).split('.');
  const environments: Handler[] = [];
  while (environments.length < environmentsOf(logicalId)) {
    vi.resetModules();
    const module = await import(resolve(import.meta.dirname, `../../functions/${name}.ts`));
    environments.push(module[handler]);
  }
  return { arn: template.arn(logicalId), name, timeoutSeconds: properties.Timeout, environments };
}

export const functions: DeployedFunction[] = [];
for (const resource of resources) functions.push(await deployed(resource));
export const uploadsBucket = template.output('UploadsBucket');
export const resultsBucket = template.output('ResultsBucket');
export const stateMachineArn = template.output('StateMachineArn');
export const secretArn = template.output('ApiKeySecretArn');
export const gatewayUrl = String(process.env.GATEWAY_URL);
export const definition = JSON.parse(
  template.resources('AWS::StepFunctions::StateMachine')[0]?.properties.DefinitionString,
);
