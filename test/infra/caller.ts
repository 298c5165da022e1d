import { createHash } from 'node:crypto';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import {
  StateMachine as CdkStateMachine,
  DefinitionBody,
  type IChainable,
  JsonPath,
  type QueryLanguage,
} from 'aws-cdk-lib/aws-stepfunctions';
import { StateMachine } from 'aws-local-stepfunctions';
import type { Construct } from 'constructs';
import jsonata from 'jsonata';
import { RemoveBackground, type RemoveBackgroundProps } from '../../infra/remove-background.ts';
import { flat, type Json } from './read-template.ts';

/** State machines of somebody's own that remove a background, and how they run. */

export type Image = Omit<RemoveBackgroundProps, 'stateMachine'>;
export type Language = 'JSONPath' | 'JSONata';

export const REMOVAL = 'arn:aws:states:eu-west-1:111122223333:stateMachine:Cutout';
export const OUTPUT = {
  status: 'DELIVERED',
  requestId: 'r-1',
  source: { bucket: 'b', key: 'k' },
  results: [{ key: 'k.png' }],
};
/** What the task is handed when the removal has succeeded. */
export const SUCCEEDED = { ExecutionArn: 'arn', Status: 'SUCCEEDED', Input: {}, Output: OUTPUT };

export function callerOf(build: (scope: Construct) => IChainable, queryLanguage?: Language): Template {
  const stack = new Stack(new App(), 'Caller', { env: { account: '111122223333', region: 'eu-west-1' } });
  const definitionBody = DefinitionBody.fromChainable(build(stack));
  new CdkStateMachine(stack, 'Orders', { definitionBody, queryLanguage: queryLanguage as QueryLanguage });
  return Template.fromStack(stack);
}

export function definitionOf(template: Template) {
  const machines = Object.values(template.findResources('AWS::StepFunctions::StateMachine'));
  return JSON.parse(flat(machines.at(-1)?.Properties.DefinitionString).replaceAll('<AWS::Partition>', 'aws'));
}

export function cutOut(scope: Construct, language: Language, image: Image, id = 'Cut out'): RemoveBackground {
  const stateMachine = CdkStateMachine.fromStateMachineArn(scope, `Cutout of ${id}`, REMOVAL);
  return RemoveBackground[language === 'JSONata' ? 'jsonata' : 'jsonPath'](scope, id, { stateMachine, ...image });
}

/** The definition of a caller that does nothing but cut out an image. */
export function caller(language: Language, image: Image, id?: string) {
  return definitionOf(callerOf((scope) => cutOut(scope, language, image, id)));
}

export interface Run {
  input?: Json;
  /** What the removal does, at each attempt. @default - it succeeds */
  removal?: () => Json;
  executionId?: string;
  /** Null on some interpreters. */
  redriveCount?: number | null;
}

/** Runs a caller that uses JSONPath. */
export async function run(definition: ReturnType<typeof definitionOf>, options: Run) {
  const { input = {}, removal = () => SUCCEEDED, executionId = 'arn:orders:1', redriveCount = 0 } = options;
  // biome-ignore lint/suspicious/noExplicitAny: the parameters of a task have no types here
  const calls: any[] = [];
  const task = (parameters: Json) => {
    calls.push(parameters);
    return removal();
  };
  const state: string = definition.StartAt;
  const { result } = new StateMachine(definition, { validationOptions: { noValidate: true } }).run(input, {
    overrides: { taskResourceLocalHandlers: { [state]: task }, retryIntervalOverrides: { [state]: 0 } },
    context: { Execution: { Id: executionId, RedriveCount: redriveCount } },
  });
  return { output: await result, calls };
}

/** `template` with its JSONata expressions evaluated, with Step Functions' own function `$hash`. */
export async function evaluate(template: Json, states: Record<string, Json>): Promise<Json> {
  if (Array.isArray(template)) return Promise.all(template.map((item) => evaluate(item, states)));
  if (typeof template === 'object' && template !== null) {
    const entries = Object.entries(template).map(async ([name, value]) => [name, await evaluate(value, states)]);
    return Object.fromEntries(await Promise.all(entries));
  }
  if (typeof template !== 'string' || !/^\{%.*%\}$/s.test(template)) return template;
  const expression = jsonata(template.slice(2, -2));
  expression.registerFunction('hash', (content: string, algorithm: string) =>
    createHash(algorithm.replace('-', '')).update(content).digest('hex'),
  );
  return expression.evaluate({}, { states });
}

/** What a caller hands to StartExecution, in either language. */
export async function startExecution(definition: ReturnType<typeof definitionOf>, options: Run = {}) {
  const state = definition.States[definition.StartAt];
  if (state.QueryLanguage !== 'JSONata') return (await run(definition, options)).calls[0];
  const { input = {}, executionId = 'arn:orders:1', redriveCount = 0 } = options;
  const context = { Execution: { Id: executionId, RedriveCount: redriveCount } };
  // biome-ignore lint/suspicious/noExplicitAny: as above
  return (await evaluate(state.Arguments, { input, context })) as any;
}

export function failed(name: string, cause = 'cause'): never {
  throw Object.assign(new Error(cause), { name });
}

/** The Cause of a removal that failed. */
export function causeOf(error: string, message: string, input = {}): string {
  const [ExecutionArn, Input] = [`${REMOVAL}:1`, JSON.stringify(input)];
  return JSON.stringify({ Cause: message, Error: error, ExecutionArn, Input, Status: 'FAILED' });
}

export const BY_INPUT = {
  JSONPath: { bucket: 'uploads', key: JsonPath.stringAt('$.key') },
  JSONata: { bucket: 'uploads', key: '{% $states.input.key %}' },
} satisfies Record<Language, Image>;
export const URL_BY_INPUT = {
  JSONPath: {
    imageUrl: JsonPath.stringAt('$.url'),
    resultKey: JsonPath.format('{}/front', JsonPath.stringAt('$.sku')),
  },
  JSONata: { imageUrl: '{% $states.input.url %}', resultKey: "{% $states.input.sku & '/front' %}" },
} satisfies Record<Language, Image>;
export const ODD_KEYS = ["it's", '"quoted"', '{}', '{0}', '\\', '\\{\\}', 'カット/é 🦊.jpg', '{% 1 %}x', '$.key', ' '];
/** Those that are refused as literals, because hardly anybody means them. */
export const PATHS = ['{% 1 %}x', '$.key'];
