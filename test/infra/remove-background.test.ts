import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import {
  StateMachine as CdkStateMachine,
  Choice,
  DefinitionBody,
  type IChainable,
  JsonPath,
  Pass,
  type QueryLanguage,
} from 'aws-cdk-lib/aws-stepfunctions';
import { StateMachine } from 'aws-local-stepfunctions';
import type { Construct } from 'constructs';
import jsonata from 'jsonata';
import { describe, expect, it } from 'vitest';
import { RemoveBackground, type RemoveBackgroundProps } from '../../infra/remove-background.ts';
import { flat, type Json } from './read-template.ts';

type Image = Omit<RemoveBackgroundProps, 'stateMachine'>;
type Language = 'JSONPath' | 'JSONata';

const REMOVAL = 'arn:aws:states:eu-west-1:111122223333:stateMachine:Cutout';
const OUTPUT = {
  status: 'DELIVERED',
  requestId: 'r-1',
  source: { bucket: 'b', key: 'k' },
  results: [{ key: 'k.png' }],
};
/** What the task is handed when the removal has succeeded. */
const SUCCEEDED = { ExecutionArn: 'arn', Status: 'SUCCEEDED', Input: {}, Output: OUTPUT };

function callerOf(build: (scope: Construct) => IChainable, queryLanguage?: Language): Template {
  const stack = new Stack(new App(), 'Caller', { env: { account: '111122223333', region: 'eu-west-1' } });
  const definitionBody = DefinitionBody.fromChainable(build(stack));
  new CdkStateMachine(stack, 'Orders', { definitionBody, queryLanguage: queryLanguage as QueryLanguage });
  return Template.fromStack(stack);
}

function definitionOf(template: Template) {
  const machines = Object.values(template.findResources('AWS::StepFunctions::StateMachine'));
  return JSON.parse(flat(machines.at(-1)?.Properties.DefinitionString).replaceAll('<AWS::Partition>', 'aws'));
}

function cutOut(scope: Construct, language: Language, image: Image, id = 'Cut out'): RemoveBackground {
  const stateMachine = CdkStateMachine.fromStateMachineArn(scope, `Cutout of ${id}`, REMOVAL);
  return RemoveBackground[language === 'JSONata' ? 'jsonata' : 'jsonPath'](scope, id, { stateMachine, ...image });
}

/** The definition of a caller that does nothing but cut out an image. */
function caller(language: Language, image: Image, id?: string) {
  return definitionOf(callerOf((scope) => cutOut(scope, language, image, id)));
}

interface Run {
  input?: Json;
  /** What the removal does, at each attempt. @default - it succeeds */
  removal?: () => Json;
  executionId?: string;
  /** Null on some interpreters. */
  redriveCount?: number | null;
}

/** Runs a caller that uses JSONPath. */
async function run(definition: ReturnType<typeof definitionOf>, options: Run) {
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
async function evaluate(template: Json, states: Record<string, Json>): Promise<Json> {
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
async function startExecution(definition: ReturnType<typeof definitionOf>, options: Run = {}) {
  const state = definition.States[definition.StartAt];
  if (state.QueryLanguage !== 'JSONata') return (await run(definition, options)).calls[0];
  const { input = {}, executionId = 'arn:orders:1', redriveCount = 0 } = options;
  const context = { Execution: { Id: executionId, RedriveCount: redriveCount } };
  // biome-ignore lint/suspicious/noExplicitAny: as above
  return (await evaluate(state.Arguments, { input, context })) as any;
}

function failed(name: string, cause = 'cause'): never {
  throw Object.assign(new Error(cause), { name });
}

/** The Cause of a removal that failed. */
function causeOf(error: string, message: string, input = {}): string {
  const [ExecutionArn, Input] = [`${REMOVAL}:1`, JSON.stringify(input)];
  return JSON.stringify({ Cause: message, Error: error, ExecutionArn, Input, Status: 'FAILED' });
}

const BY_INPUT = {
  JSONPath: { bucket: 'uploads', key: JsonPath.stringAt('$.key') },
  JSONata: { bucket: 'uploads', key: '{% $states.input.key %}' },
} satisfies Record<Language, Image>;
const URL_BY_INPUT = {
  JSONPath: {
    imageUrl: JsonPath.stringAt('$.url'),
    resultKey: JsonPath.format('{}/front', JsonPath.stringAt('$.sku')),
  },
  JSONata: { imageUrl: '{% $states.input.url %}', resultKey: "{% $states.input.sku & '/front' %}" },
} satisfies Record<Language, Image>;
const ODD_KEYS = ["it's", '"quoted"', '{}', '{0}', '\\', '\\{\\}', 'カット/é 🦊.jpg', '{% 1 %}x', '$.key', ' '];
/** Those that are refused as literals, because hardly anybody means them. */
const PATHS = ['{% 1 %}x', '$.key'];

describe.each<Language>(['JSONPath', 'JSONata'])('RemoveBackground in %s', (language) => {
  const byInput = caller(language, BY_INPUT[language]);

  it.each([
    ['an object', BY_INPUT[language]],
    ['an image URL', URL_BY_INPUT[language]],
    ['literals', { bucket: 'uploads', key: 'a.jpg', versionId: 'v1', etag: 'e1' }],
    ['a name', { ...BY_INPUT[language], executionName: 'order-1' }],
  ])('is a valid state with %s, by an independent validator', (_, image) => {
    const validate = createRequire(import.meta.url)('asl-validator');
    expect(validate(caller(language, image)).errorsText()).toBe('');
  });

  it('runs the removal of an object, waits for it and says who asked', async () => {
    const image = { ...BY_INPUT[language], versionId: 'v1', etag: 'e1' };
    const definition = caller(language, image);
    expect(definition.States['Cut out'].Resource).toBe('arn:aws:states:::states:startExecution.sync:2');
    const { StateMachineArn, Input } = await startExecution(definition, { input: { key: 'a.jpg' } });
    expect(StateMachineArn).toBe(REMOVAL);
    expect(Input).toEqual({
      bucket: 'uploads',
      key: 'a.jpg',
      versionId: 'v1',
      etag: 'e1',
      AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID: 'arn:orders:1',
    });
  });

  it('runs the removal of an image URL', async () => {
    const input = { url: 'https://example.com/cat.jpg?signature=1', sku: '4711' };
    const { Input } = await startExecution(caller(language, URL_BY_INPUT[language]), { input });
    expect(Input).toMatchObject({ imageUrl: input.url, resultKey: '4711/front' });
    expect(Input).not.toHaveProperty('bucket');
  });

  it.each(ODD_KEYS)(
    'names the execution of the key %j as Step Functions allows, by input and as a literal',
    async (key) => {
      const { Name, Input } = await startExecution(byInput, { input: { key } });
      expect(Name).toMatch(/^[0-9a-zA-Z_-]{1,80}$/);
      expect(Input.key).toBe(key);
      if (PATHS.includes(key)) return;
      const literal = await startExecution(caller(language, { bucket: 'uploads', key }, key), {});
      expect(literal.Name).toMatch(/^[0-9a-zA-Z_-]{1,80}$/);
      expect(literal.Input.key).toBe(key);
    },
  );

  it('gives another image, state, execution or redrive another name, and the same ones the same', async () => {
    const input = { key: 'a.jpg' };
    const name = async (definition: object, options: Run) => (await startExecution(definition, options)).Name;
    const pinned = (versionId: string) => caller(language, { ...BY_INPUT[language], versionId });
    const version = language === 'JSONata' ? '{% $states.input.version %}' : JsonPath.stringAt('$.version');
    const names = [
      await name(byInput, { input }),
      await name(byInput, { input: { key: 'b.jpg' } }),
      await name(byInput, { input, executionId: 'arn:orders:2' }),
      await name(byInput, { input, redriveCount: 1 }),
      await name(byInput, { input, redriveCount: null }),
      await name(caller(language, BY_INPUT[language], 'Cut out again'), { input }),
      await name(pinned(version), { input: { ...input, version: 'v1' } }),
      await name(pinned(version), { input: { ...input, version: 'v2' } }),
    ];
    expect(new Set(names).size).toBe(names.length);
    expect(await name(caller(language, BY_INPUT[language]), { input: { ...input, of: 'no matter' } })).toBe(names[0]);
  });

  it('uses the name it is given', async () => {
    const executionName = language === 'JSONata' ? '{% $states.input.order %}' : JsonPath.stringAt('$.order');
    const definition = caller(language, { bucket: 'uploads', key: 'a.jpg', executionName });
    expect((await startExecution(definition, { input: { order: 'order-1' } })).Name).toBe('order-1');
  });
});

describe('what RemoveBackground hands back', () => {
  it('is the output of the removal, at resultPath', async () => {
    const definition = caller('JSONPath', { ...BY_INPUT.JSONPath, resultPath: '$.cutout' });
    const { output } = await run(definition, { input: { key: 'a.jpg', order: 1 } });
    expect(output).toEqual({ key: 'a.jpg', order: 1, cutout: OUTPUT });
  });

  it('is the output of the removal in JSONata', async () => {
    const { Output } = caller('JSONata', BY_INPUT.JSONata).States['Cut out'];
    expect(await evaluate(Output, { result: SUCCEEDED })).toEqual(OUTPUT);
  });

  it('is what resultSelector or outputs say', async () => {
    const resultSelector = { requestId: JsonPath.stringAt('$.Output.requestId') };
    const selected = caller('JSONPath', { ...BY_INPUT.JSONPath, resultSelector });
    expect((await run(selected, { input: { key: 'a.jpg' } })).output).toEqual({ requestId: 'r-1' });
    const outputs = '{% $states.result.Output.results[0] %}';
    const { Output } = caller('JSONata', { ...BY_INPUT.JSONata, outputs }).States['Cut out'];
    expect(await evaluate(Output, { result: SUCCEEDED })).toEqual({ key: 'k.png' });
  });
});

describe('a removal that fails', () => {
  const definition = definitionOf(
    callerOf((scope) => {
      const task = cutOut(scope, 'JSONPath', BY_INPUT.JSONPath)
        .addRetry()
        .addRetry({ errors: ['States.Timeout'] });
      const whatFailed = new Choice(scope, 'What failed?')
        .when(
          RemoveBackground.failedWith('NotAnImage', '$.error.Cause'),
          Pass.jsonPath(scope, 'Ask for another', { result: { value: 'another' } }),
        )
        .otherwise(Pass.jsonPath(scope, 'Tell somebody', { result: { value: 'somebody' } }));
      task.addCatch(whatFailed, { resultPath: '$.error' });
      return task;
    }),
  );
  const input = { key: 'a.jpg' };

  it.each([
    ['States.TaskFailed', causeOf('NotAnImage', 'Its first bytes are those of no image.'), 'another'],
    [
      'States.TaskFailed',
      causeOf('ImageTooLarge', 'It says "Error":"NotAnImage".', { key: '"Error":"NotAnImage"' }),
      'somebody',
    ],
    ['StepFunctions.ExecutionAlreadyExistsException', 'Execution Already Exists', 'somebody'],
  ])('with %s is not tried again, whatever the caller adds, and is told by its name: %s', async (error, cause, end) => {
    const { output, calls } = await run(definition, { input, removal: () => failed(error, cause) });
    expect(calls).toHaveLength(1);
    expect(output).toBe(end);
  });

  it('because the caller’s time limit stopped it is not tried again either', () => {
    const retriers: { ErrorEquals: string[]; MaxAttempts?: number }[] = definition.States['Cut out'].Retry;
    expect(retriers.find(({ ErrorEquals }) => ErrorEquals.includes('States.Timeout'))?.MaxAttempts).toBe(0);
  });

  it.each(['ThrottlingException', 'ExecutionLimitExceeded', 'AWSStepFunctionsException'])(
    'to start with %s is tried again, under the same name',
    async (error) => {
      let failures = 3;
      const removal = () => (failures-- > 0 ? failed(`StepFunctions.${error}`) : SUCCEEDED);
      const { output, calls } = await run(definition, { input, removal });
      expect(output).toEqual(OUTPUT);
      expect(calls).toHaveLength(4);
      expect(new Set(calls.map(({ Name }) => Name)).size).toBe(1);
      expect(calls[0].Name).toMatch(/^[0-9a-f]{64}$/);
    },
  );
});

describe('the constructor of RemoveBackground', () => {
  it.each<[Image, string]>([
    [{}, 'neither is set'],
    [{ bucket: 'b' }, 'key is missing'],
    [{ etag: 'e', key: 'k' }, 'bucket is missing'],
    [{ imageUrl: 'https://example.com/a.jpg' }, 'resultKey is missing'],
    [{ resultKey: 'a' }, 'imageUrl is missing'],
    [
      { bucket: 'b', key: 'k', imageUrl: 'https://example.com/a.jpg', resultKey: 'a' },
      'both bucket and imageUrl are set',
    ],
    [{ imageUrl: 'https://example.com/a.jpg', resultKey: 'a', versionId: 'v' }, 'both versionId and imageUrl are set'],
  ])('refuses %j', (image, problem) => {
    expect(() => caller('JSONPath', image)).toThrow(
      `Set either bucket and key, or imageUrl and resultKey, of RemoveBackground "Cut out": ${problem}.`,
    );
  });

  it.each<Language>(['JSONPath', 'JSONata'])('follows the query language of the state machine, %s', (language) => {
    const template = callerOf((scope) => {
      const stateMachine = CdkStateMachine.fromStateMachineArn(scope, 'Cutout of Cut out', REMOVAL);
      return new RemoveBackground(scope, 'Cut out', { stateMachine, ...BY_INPUT[language] });
    }, language);
    const { QueryLanguage: _, ...state } = caller(language, BY_INPUT[language]).States['Cut out'];
    expect(definitionOf(template).States['Cut out']).toEqual(state);
  });

  it('gives the role of the calling state machine what starting, watching and stopping a removal takes', () => {
    const template = callerOf((scope) => cutOut(scope, 'JSONPath', BY_INPUT.JSONPath));
    const [policy] = Object.values(template.findResources('AWS::IAM::Policy'));
    const statements: { Effect: string; Action: Json; Resource: Json }[] = policy?.Properties.PolicyDocument.Statement;
    const granted = statements.map(({ Effect, Action, Resource }) => [Effect, Action, flat(Resource)]);
    const inRegion = (service: string, resource: string) =>
      `arn:<AWS::Partition>:${service}:eu-west-1:111122223333:${resource}`;
    expect(granted).toEqual([
      ['Allow', 'states:StartExecution', REMOVAL],
      ['Allow', ['states:DescribeExecution', 'states:StopExecution'], inRegion('states', 'execution:Cutout*')],
      [
        'Allow',
        ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'],
        inRegion('events', 'rule/StepFunctionsGetEventsForStepFunctionsExecutionRule'),
      ],
    ]);
  });
});
