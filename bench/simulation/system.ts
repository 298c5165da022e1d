import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Definition } from '../../local/step-functions/definition.ts';
import { REGION, type Resource, synthesize, type Template } from '../../local/template.ts';
import type { DeployedFunction, Handler } from '../../test/simulation/stack.ts';

/** A function as it is billed. */
export interface BilledFunction extends DeployedFunction {
  memoryMb: number;
}

/** What turns uploads into cutouts: Cutout, or an alternative to it. */
export interface System {
  name: string;
  functions: BilledFunction[];
  /** @default - no state machine */
  definition?: Definition | undefined;
  /** The function that is told of uploads: by a queue in batches, or else by an asynchronous invocation each. */
  intake: { functionArn: string; queue?: Queue };
  /** The function that the gateway calls back. @default - none */
  callbackArn?: string | undefined;
}

/** A queue of uploads, and how a function takes from it. */
export interface Queue {
  batchSize: number;
  maxConcurrency: number;
  /** How long a message that failed stays invisible, in milliseconds. */
  visibilityMs: number;
}

/** Where all systems find what they share. */
export interface Site {
  uploadsBucket: string;
  resultsBucket: string;
  stateMachineArn: string;
  gatewayUrl: string;
  callbackUrl: string;
  /** Cutout's own on-upload and its queue, which alternatives with a state machine are started by as well. */
  onUpload: BilledFunction;
  intake: System['intake'];
}

/** Where the gateway calls back. */
const CALLBACK_URL = 'https://callback.lambda-url.us-east-1.on.aws/';
/** Functions that take no part in an image that ends well. */
const ASIDE = /backfill|select-images|report-failure/;

Object.assign(process.env, {
  AWS_REGION: REGION,
  AWS_ACCESS_KEY_ID: 'simulated',
  AWS_SECRET_ACCESS_KEY: 'simulated-secret-access-key',
  AWS_EC2_METADATA_DISABLED: 'true',
});

// A handler that is imported as `….ts?environment=3` gets modules of its own, as in an execution environment of its own.
registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    const environment = context.parentURL?.split('?environment=')[1];
    const isOurs = environment !== undefined && resolved.url.includes('/functions/');
    return isOurs ? { ...resolved, url: `${resolved.url}?environment=${environment}` } : resolved;
  },
});
let environments = 0;

/** Cutout as `cdk deploy` would ship it: the functions and the definition of the synthesized template. */
export async function cutout(
  settings: { webhook?: boolean; uploadsPerMinute?: number } = {},
): Promise<{ system: System; site: Site }> {
  const template = synthesize(settings);
  for (const { logicalId } of template.resources('AWS::Lambda::Url'))
    template.functionUrls.set(logicalId, CALLBACK_URL);
  const mapping = onlyOne(
    template,
    'AWS::Lambda::EventSourceMapping',
    ({ properties }) => functionOf(template, properties.FunctionName) === 'on-upload',
  );
  const { BatchSize: batchSize, ScalingConfig, EventSourceArn } = mapping.properties;
  const { VisibilityTimeout } = onlyOne(
    template,
    'AWS::SQS::Queue',
    ({ logicalId }) => template.arn(logicalId) === EventSourceArn,
  ).properties;
  const maxConcurrency: number = ScalingConfig.MaximumConcurrency;
  const functions: BilledFunction[] = [];
  for (const resource of template.resources('AWS::Lambda::Function')) {
    const name = String(resource.properties.Handler).split('.')[0] ?? '';
    if (ASIDE.test(name)) continue;
    functions.push(await load(template, resource, name === 'on-upload' ? maxConcurrency : 1));
  }
  const stateMachineArn = template.output('StateMachineArn');
  const machine = onlyOne(
    template,
    'AWS::StepFunctions::StateMachine',
    ({ logicalId }) => template.arn(logicalId) === stateMachineArn,
  );
  const [onUpload] = functions.filter(({ name }) => name === 'on-upload');
  if (onUpload === undefined) throw new Error('The template has no on-upload');
  const intake = {
    functionArn: onUpload.arn,
    queue: { batchSize, maxConcurrency, visibilityMs: VisibilityTimeout * 1000 },
  };
  return {
    system: {
      name: settings.webhook ? 'Cutout, webhook' : 'Cutout, polling',
      functions,
      definition: JSON.parse(machine.properties.DefinitionString),
      intake,
      callbackArn: functions.find(({ name }) => name === 'on-callback')?.arn,
    },
    site: {
      uploadsBucket: template.output('UploadsBucket'),
      resultsBucket: template.output('ResultsBucket'),
      stateMachineArn,
      gatewayUrl: String(process.env.GATEWAY_URL),
      callbackUrl: CALLBACK_URL,
      onUpload,
      intake,
    },
  };
}

/** A function of an alternative, with the memory that Cutout's functions have by default. */
export function functionOfAlternative(name: string, handler: Handler, timeoutSeconds = 60): BilledFunction {
  return {
    arn: `arn:aws:lambda:${REGION}::function:${name}`,
    name,
    timeoutSeconds,
    memoryMb: 256,
    environments: [handler],
  };
}

async function load(template: Template, { logicalId, properties }: Resource, count: number): Promise<BilledFunction> {
  const [name = '', handler = ''] = String(properties.Handler).split('.');
  // What only another deployment's functions have; all else stays, because handlers may read it at any time.
  for (const variable of ['CALLBACK_TABLE', 'CALLBACK_URL']) delete process.env[variable];
  Object.assign(process.env, properties.Environment.Variables);
  const file = pathToFileURL(join(import.meta.dirname, `../../functions/${name}.ts`)).href;
  const handlers: Handler[] = [];
  while (handlers.length < count) handlers.push((await import(`${file}?environment=${environments++}`))[handler]);
  return {
    arn: template.arn(logicalId),
    name,
    timeoutSeconds: properties.Timeout,
    memoryMb: properties.MemorySize,
    environments: handlers,
  };
}

function functionOf(template: Template, reference: string): string {
  const found = template
    .resources('AWS::Lambda::Function')
    .find(({ logicalId }) => template.ref(logicalId) === reference || template.arn(logicalId) === reference);
  return String(found?.properties.Handler).split('.')[0] ?? '';
}

function onlyOne(template: Template, type: string, is: (resource: Resource) => boolean): Resource {
  const [found, ...others] = template.resources(type).filter(is);
  if (found === undefined || others.length > 0) throw new Error(`The template has not one ${type} that is meant`);
  return found;
}
