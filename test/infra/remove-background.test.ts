import { createRequire } from 'node:module';
import { StateMachine as CdkStateMachine, Choice, JsonPath, Pass } from 'aws-cdk-lib/aws-stepfunctions';
import { describe, expect, it } from 'vitest';
import { RemoveBackground } from '../../infra/remove-background.ts';
import {
  BY_INPUT,
  caller,
  callerOf,
  causeOf,
  cutOut,
  definitionOf,
  evaluate,
  failed,
  type Image,
  type Language,
  ODD_KEYS,
  OUTPUT,
  PATHS,
  REMOVAL,
  type Run,
  run,
  SUCCEEDED,
  startExecution,
  URL_BY_INPUT,
} from './caller.ts';
import { flat, type Json } from './read-template.ts';

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
