import type { TargetInput } from '../event-target.ts';
import type { Definition } from '../step-functions/definition.ts';
import { type Resource, synthesize, type Template } from '../template.ts';
import { type DeployedFunction, load } from './functions.ts';

/** Where the gateway calls back. */
const CALLBACK_URL = 'https://callback.lambda-url.us-east-1.on.aws/';

/** A function that takes from a queue. */
export interface Mapping {
  uuid: string;
  queueArn: string;
  functionArn: string;
  batchSize: number;
  maxConcurrency: number;
}

/** Who is told of the events that match a pattern: queues and functions, by ARN. */
export interface Rule {
  pattern: { source?: string[] };
  targets: (TargetInput & { Arn: string })[];
}

/** What turns uploads into cutouts. Executions that run keep the definition that they began with. */
export interface Deployment {
  name: string;
  /** What its buckets and queues are read from. */
  template: Template;
  functions: DeployedFunction[];
  stateMachineArn: string;
  /** @default - no state machine */
  definition?: Definition | undefined;
  rules: Rule[];
  /** Functions that a schedule invokes every five minutes, by ARN. */
  scheduled: string[];
  mappings: Mapping[];
  /** Names of its tables. */
  tables: string[];
  /** The function behind the function URL. @default - there is none */
  callbackArn?: string | undefined;
  callbackUrl: string;
  gatewayUrl: string;
  uploadsBucket: string;
  resultsBucket: string;
}

/** Cutout as `cdk deploy` ships it with these settings: the functions and the definition of the synthesized template. */
export async function deploy(settings: Record<string, unknown> = {}): Promise<Deployment> {
  const template = synthesize(settings);
  const urls = template.resources('AWS::Lambda::Url');
  for (const { logicalId } of urls) template.functionUrls.set(logicalId, CALLBACK_URL);
  const stateMachineArn = template.output('StateMachineArn');
  const machines = template.resources('AWS::StepFunctions::StateMachine');
  const machine = machines.find(({ logicalId }) => template.arn(logicalId) === stateMachineArn);
  const parts = {
    definition: JSON.parse(machine?.properties.DefinitionString),
    ...rulesOf(template),
    mappings: mappingsOf(template),
    callbackArn: urls[0]?.properties.TargetFunctionArn,
  };
  const functions = await functionsOf(template, parts);
  return {
    ...{ name: settings.webhook ? 'Cutout, webhook' : 'Cutout, polling', template, functions, stateMachineArn },
    ...parts,
    tables: template.resources('AWS::DynamoDB::Table').map(({ logicalId }) => template.ref(logicalId)),
    callbackUrl: CALLBACK_URL,
    gatewayUrl: functions.map(({ variables }) => variables.GATEWAY_URL).find((url) => url !== undefined) ?? '',
    uploadsBucket: template.output('UploadsBucket'),
    resultsBucket: template.output('ResultsBucket'),
  };
}

function rulesOf(template: Template): { rules: Rule[]; scheduled: string[] } {
  const all = template.resources('AWS::Events::Rule').map(({ properties }) => properties);
  return {
    rules: all
      .filter(({ EventPattern }) => EventPattern !== undefined)
      .map(({ EventPattern: pattern, Targets: targets }): Rule => ({ pattern, targets })),
    scheduled: all
      .filter(({ ScheduleExpression }) => ScheduleExpression === 'rate(5 minutes)')
      .flatMap(({ Targets }) => Targets.map(({ Arn }: { Arn: string }) => Arn)),
  };
}

function mappingsOf(template: Template): Mapping[] {
  const functions = template.resources('AWS::Lambda::Function');
  return template.resources('AWS::Lambda::EventSourceMapping').map(({ logicalId, properties }) => ({
    uuid: template.ref(logicalId),
    queueArn: properties.EventSourceArn,
    functionArn: template.arn(
      functions.find(({ logicalId }) => template.ref(logicalId) === properties.FunctionName)?.logicalId ?? '',
    ),
    batchSize: properties.BatchSize,
    maxConcurrency: properties.ScalingConfig.MaximumConcurrency,
  }));
}

/** The functions that the parts name; the others are invoked by nobody here. */
async function functionsOf(template: Template, parts: Pick<Deployment, 'mappings'>): Promise<DeployedFunction[]> {
  const named = JSON.stringify(parts);
  const isNamed = ({ logicalId }: Resource) => named.includes(JSON.stringify(template.arn(logicalId)));
  const functions: DeployedFunction[] = [];
  for (const { logicalId, properties } of template.resources('AWS::Lambda::Function').filter(isNamed)) {
    const arn = template.arn(logicalId);
    // As many as there may be batches at once.
    const count = parts.mappings.find(({ functionArn }) => functionArn === arn)?.maxConcurrency ?? 1;
    functions.push({
      ...{ arn, timeoutSeconds: properties.Timeout, memoryMb: properties.MemorySize },
      ...(await load(properties.Handler, properties.Environment.Variables, count)),
    });
  }
  return functions;
}
