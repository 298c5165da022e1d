import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { synthesize } from '../../../local/template.ts';
import {
  type Definition,
  definition,
  definitionIn,
  SIX_HOURS,
  type State,
  state,
  TASKS,
  template,
  text,
} from './definition.ts';
import { longestDelay } from './retries.ts';

describe('the states', () => {
  const NAMES = ['Submit', 'Wait', 'Check status', 'Finished?', 'Superseded', 'Deliver'];

  it('are plainly named, and begin with Submit', () => {
    expect(definition.StartAt).toBe('Submit');
    expect(Object.keys(definition.States).sort()).toEqual([...NAMES].sort());
  });

  it('follow one another as the design says', () => {
    expect(state('Submit').Next).toBe('Wait');
    expect(state('Wait')).toEqual({ Type: 'Wait', SecondsPath: '$.waitSeconds', Next: 'Check status' });
    expect(state('Check status').Next).toBe('Finished?');
    expect(state('Finished?')).toEqual({
      Type: 'Choice',
      Choices: [
        { Variable: '$.status', StringEquals: 'COMPLETED', Next: 'Deliver' },
        { Variable: '$.status', StringEquals: 'ERROR', Next: 'Submit' },
        { Variable: '$.status', StringEquals: 'SUPERSEDED', Next: 'Superseded' },
      ],
      Default: 'Wait',
    });
    expect(state('Superseded')).toMatchObject({ Type: 'Pass', End: true });
    expect(state('Deliver').End).toBe(true);
  });

  it('poll in webhook mode, too, once the callback has come or has not', () => {
    const { States } = JSON.parse(definitionIn(synthesize({ webhook: true })));
    expect(Object.keys(States).sort()).toEqual([...NAMES, 'Await callback'].sort());
    expect(States.Submit.Next).toBe('Await callback');
    expect(States['Await callback'].Next).toBe('Check status');
    // A callback that came before is not waited for; and whatever goes wrong with waiting, polling begins.
    expect(States['Await callback'].Parameters.ConditionExpression).toBe('attribute_not_exists(calledBackAt)');
    expect(States['Await callback'].Catch).toEqual([
      { ErrorEquals: ['States.ALL'], ResultPath: null, Next: 'Check status' },
    ]);
    expect(States['Finished?'].Default).toBe('Wait');
  });

  it('are all reached, and lead only to states that exist', () => {
    const reached = new Set<string>();
    const open = [definition.StartAt];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      if (reached.has(name)) continue;
      reached.add(name);
      open.push(...successors(state(name)));
    }
    expect([...reached].sort()).toEqual(Object.keys(definition.States).sort());
  });

  it.each(TASKS)('%s fails uncaught, so that redriving goes on at it', (name) => {
    expect(state(name).Catch).toBeUndefined();
  });

  it('fail nowhere but in a task: nothing that failed can be redriven at a Fail state', () => {
    const types = Object.values(definition.States).map(({ Type }) => Type);
    expect(types.sort()).toEqual(['Choice', 'Pass', 'Task', 'Task', 'Task', 'Wait']);
  });

  it.each([
    ['Submit', 'submit'],
    ['Check status', 'check-status'],
    ['Deliver', 'deliver'],
  ])('%s invokes %s, and outlasts it', (name, service) => {
    const { Type, Resource, OutputPath, Parameters, TimeoutSeconds } = state(name);
    expect({ Type, Resource, OutputPath }).toEqual({
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke',
      OutputPath: '$.Payload',
    });
    const invoked = template
      .resources('AWS::Lambda::Function')
      .find(({ logicalId }) => template.arn(logicalId) === Parameters?.FunctionName);
    expect(invoked?.properties.Handler).toBe(`${service}.handler`);
    expect(TimeoutSeconds).toBeGreaterThan(invoked?.properties.Timeout);
  });
});

function successors({ Next, Default, Choices = [], Catch = [] }: State): string[] {
  return [Next, Default, ...[...Choices, ...Catch].map((each) => each.Next)].filter((next) => next !== undefined);
}

describe('the definition', () => {
  it('is JSONPath throughout, so that local interpreters run it', () => {
    expect(text).not.toContain('JSONata');
    expect(text).not.toContain('{%');
    for (const each of Object.values(definition.States)) {
      for (const field of ['Arguments', 'Output', 'Assign', 'QueryLanguage']) expect(each).not.toHaveProperty(field);
    }
  });

  it('uses no context but what local interpreters supply', () => {
    const used = [...text.matchAll(/\$\$\.?[A-Za-z0-9_.]*/g)].map(([path]) => path);
    const supplied = ['$$.Execution.Name', '$$.Execution.StartTime', '$$.Execution.RedriveCount', '$$.Task.Token'];
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((path) => !supplied.includes(path))).toEqual([]);
  });

  it('is valid by an independent validator', () => {
    const require = createRequire(import.meta.url);
    const validate: (definition: unknown) => { isValid: boolean; errorsText: () => string } = require('asl-validator');
    // It notes things down in what it is given.
    const result = validate(JSON.parse(text));
    expect(result.errorsText()).toBe('');
    expect(result.isValid).toBe(true);
    expect(validate(JSON.parse(definitionIn(synthesize({ webhook: true })))).errorsText()).toBe('');
    const lost = JSON.parse(text.replace('"Next":"Wait"', '"Next":"Nowhere"'));
    expect(validate(lost).isValid).toBe(false);
  });

  it('stays far under the 1 MB that Step Functions takes', () => {
    expect(Buffer.byteLength(text)).toBeLessThan(100_000);
  });

  it('has a time limit above the longest way through, whatever the settings were, are or become', () => {
    const longest = { webhook: true, expectedSeconds: 3600, timeoutMinutes: 360 };
    const { States, TimeoutSeconds }: Definition = JSON.parse(definitionIn(synthesize(longest)));
    const submissions = 3;
    const callback = Number(States['Await callback']?.TimeoutSeconds);
    expect(callback).toBe(2 * 3600);
    // Each of Submit's three kinds of retry has attempts of its own.
    const submit = ['TooManyRequests', 'DownloadFailed', 'OutcomeUnknown']
      .map((error) => longestDelay(state('Submit'), error))
      .reduce((sum, delay) => sum + delay, 0);
    const checkStatus = longestDelay(state('Check status'), 'Lambda.Unknown');
    const deliver = longestDelay(state('Deliver'), 'Lambda.Unknown');
    expect(TimeoutSeconds).toBe(definition.TimeoutSeconds);
    const longestWay = submissions * (SIX_HOURS + callback + submit + checkStatus) + deliver;
    // The calls themselves take time, too.
    expect(TimeoutSeconds).toBeGreaterThan(1.2 * longestWay);
  });

  it('waits 10 minutes for a function in each task, by default and with the longest timeout of a job', () => {
    expect(definitionIn(synthesize({ timeoutMinutes: 360 }))).toBe(text);
  });
});
