import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { ERRORS, type ErrorName } from '../../../functions/errors.ts';
import { synthesize, type Template } from '../../../local/template.ts';

interface Retrier {
  ErrorEquals: string[];
  IntervalSeconds?: number;
  MaxAttempts?: number;
  BackoffRate?: number;
  MaxDelaySeconds?: number;
  JitterStrategy?: 'FULL' | 'NONE';
}

interface State {
  Type: string;
  Next?: string;
  Default?: string;
  Choices?: { Next: string }[];
  End?: boolean;
  Retry?: Retrier[];
  Catch?: { ErrorEquals: string[]; ResultPath: string | null; Next: string }[];
  Resource?: string;
  Parameters?: Record<string, unknown>;
  TimeoutSeconds?: number;
  OutputPath?: string;
}

interface Definition {
  StartAt: string;
  TimeoutSeconds: number;
  States: Record<string, State>;
}

/** The definition, as text, of the state machine that removes the background of one image. */
function definitionIn(template: Template): string {
  const machines = template.resources('AWS::StepFunctions::StateMachine');
  return machines.find(({ logicalId }) => /Workflow/.test(logicalId))?.properties.DefinitionString;
}

const template = synthesize();
const text = definitionIn(template);
const definition: Definition = JSON.parse(text);

function state(name: string): State {
  const found = definition.States[name];
  if (found === undefined) throw new Error(`There is no state ${name}`);
  return found;
}

const TASKS = ['Submit', 'Check status', 'Deliver'];
const SIX_HOURS = 6 * 3600;

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

/** The delays, in seconds before jitter, of the retries that Step Functions makes of a state that keeps failing so. */
function delays({ Retry = [] }: State, error: string): number[] {
  const retrier = Retry.find(({ ErrorEquals }) => ErrorEquals.some((name) => matches(name, error)));
  if (retrier === undefined) return [];
  const { IntervalSeconds = 1, MaxAttempts = 3, BackoffRate = 2, MaxDelaySeconds = Number.POSITIVE_INFINITY } = retrier;
  return Array.from({ length: MaxAttempts }, (_, n) => Math.min(IntervalSeconds * BackoffRate ** n, MaxDelaySeconds));
}

/** Whether a name in ErrorEquals stands for this error. */
function matches(name: string, error: string): boolean {
  if (name === 'States.ALL') return error !== 'States.DataLimitExceeded' && error !== 'States.Runtime';
  if (name === 'States.TaskFailed') return error !== 'States.Timeout';
  return name === error || (name === 'States.Timeout' && error === 'States.HeartbeatTimeout');
}

function longestDelay(of: State, error: string): number {
  return delays(of, error).reduce((sum, delay) => sum + delay, 0);
}

/** Full jitter takes anything from nothing to the delay: half of it on average. */
function meanDelay(of: State, error: string): number {
  return longestDelay(of, error) / (jitters(of, error) ? 2 : 1);
}

function jitters({ Retry = [] }: State, error: string): boolean {
  const retrier = Retry.find(({ ErrorEquals }) => ErrorEquals.some((name) => matches(name, error)));
  return retrier?.JitterStrategy === 'FULL';
}

/** Names of Lambda and Step Functions for a function that crashed, hung or could not be invoked. */
const CRASHES = [
  'Lambda.Unknown',
  'Sandbox.Timedout',
  'Runtime.ExitError',
  'Runtime.OutOfMemory',
  'States.Timeout',
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
];

describe('the retries of Submit, which decide who pays', () => {
  type Acceptance = 'surely refused' | 'surely not accepted' | 'perhaps accepted' | 'unforeseen' | 'not of Submit';
  const ACCEPTANCE: Record<ErrorName, Acceptance> = {
    InvalidInput: 'surely refused',
    ImageNotFound: 'surely refused',
    ImageUnreadable: 'surely refused',
    NotAnImage: 'surely refused',
    ImageRefused: 'surely refused',
    ImageArchived: 'surely refused',
    UnsupportedFormat: 'surely refused',
    ImageTooLarge: 'surely refused',
    ApiKeyNotSet: 'surely refused',
    BadRequest: 'surely refused',
    Unauthorized: 'surely refused',
    InsufficientBalance: 'surely refused',
    Forbidden: 'surely refused',
    NotFound: 'surely refused',
    TooManyRequests: 'surely not accepted',
    GatewayUnreachable: 'surely not accepted',
    OutcomeUnknown: 'perhaps accepted',
    InternalError: 'unforeseen',
    RemovalFailed: 'not of Submit',
    RemovalError: 'not of Submit',
    JobTimedOut: 'not of Submit',
    DownloadFailed: 'unforeseen',
    UntrustedResultUrl: 'not of Submit',
    InvalidResult: 'not of Submit',
    ResultExpired: 'not of Submit',
    ResultTooLarge: 'not of Submit',
    Aborted: 'not of Submit',
  };
  const named = (acceptance: Acceptance) =>
    Object.entries(ACCEPTANCE)
      .filter(([, each]) => each === acceptance)
      .map(([name]) => name);
  const submit = state('Submit');

  it('are far more of a look that failed for the moment than of a submission of unknown outcome', () => {
    expect(delays(submit, 'DownloadFailed')).toHaveLength(33);
    expect(delays(submit, 'OutcomeUnknown')).toHaveLength(3);
  });

  it('are decided for every error there is', () => {
    expect(Object.keys(ACCEPTANCE).sort()).toEqual(Object.keys(ERRORS).sort());
  });

  it.each(named('surely refused'))('%s, surely refused: none', (error) => {
    expect(delays(submit, error)).toEqual([]);
  });

  it.each([...named('surely not accepted'), 'Lambda.TooManyRequestsException'])(
    '%s, surely not accepted: for over two hours on average, with jitter',
    (error) => {
      expect(jitters(submit, error)).toBe(true);
      expect(meanDelay(submit, error)).toBeGreaterThan(2 * 3600);
    },
  );

  it.each([...named('perhaps accepted'), ...CRASHES])(
    '%s, perhaps accepted: exactly three, minutes and then an hour apart, without jitter',
    (error) => {
      const [first = 0, second = 0, third, ...more] = delays(submit, error);
      expect(first).toBeGreaterThanOrEqual(2 * 60);
      expect(second).toBeGreaterThan(first);
      expect(second).toBeLessThan(3600);
      expect(third).toBe(3600);
      expect(more).toEqual([]);
      expect(jitters(submit, error)).toBe(false);
    },
  );

  it.each(named('unforeseen'))('%s, which comes up before anything is sent: for over an hour on average', (error) => {
    expect(meanDelay(submit, error)).toBeGreaterThan(3600);
  });

  it.each([...named('not of Submit'), 'SomethingNobodyKnows'])('%s, not expected here: at most three', (error) => {
    expect(delays(submit, error).length).toBeLessThanOrEqual(3);
  });
});

describe('the retries of Check status and Deliver, which cost nothing', () => {
  it.each(['TooManyRequests', 'GatewayUnreachable', 'OutcomeUnknown', 'InternalError', ...CRASHES])(
    'Check status asks again after %s for over two hours',
    (error) => expect(meanDelay(state('Check status'), error)).toBeGreaterThan(2 * 3600),
  );

  it.each([
    'InvalidInput',
    'ApiKeyNotSet',
    'BadRequest',
    'Unauthorized',
    'InsufficientBalance',
    'Forbidden',
    'NotFound',
    'RemovalFailed',
    'RemovalError',
    'JobTimedOut',
  ])('Check status does not ask again after %s', (error) => {
    expect(delays(state('Check status'), error)).toEqual([]);
  });

  it.each(['DownloadFailed', 'InternalError', 'Lambda.TooManyRequestsException', ...CRASHES])(
    'Deliver tries again after %s for over an hour',
    (error) => expect(meanDelay(state('Deliver'), error)).toBeGreaterThan(3600),
  );

  it.each(['InvalidInput', 'UntrustedResultUrl', 'InvalidResult', 'ResultTooLarge', 'ResultExpired'])(
    'Deliver does not try again after %s',
    (error) => expect(delays(state('Deliver'), error)).toEqual([]),
  );
});

describe.each(TASKS)('the Retry table of %s', (name) => {
  const table = state(name).Retry ?? [];

  it('names only errors that exist, each once', () => {
    const names = table.flatMap(({ ErrorEquals }) => ErrorEquals);
    expect(new Set(names).size).toBe(names.length);
    const known = Object.keys(ERRORS);
    const foreign = names.filter((each) => !known.includes(each));
    expect(foreign.filter((each) => !['States.ALL', 'Lambda.TooManyRequestsException'].includes(each))).toEqual([]);
  });

  it('ends with States.ALL, alone, as Step Functions demands', () => {
    expect(table.at(-1)?.ErrorEquals).toEqual(['States.ALL']);
    expect(table.slice(0, -1).flatMap(({ ErrorEquals }) => ErrorEquals)).not.toContain('States.ALL');
  });

  it('has no retries for errors of Lambda that the CDK would add by itself', () => {
    for (const error of ['Lambda.ServiceException', 'Lambda.AWSLambdaException', 'Lambda.SdkClientException']) {
      expect(table.flatMap(({ ErrorEquals }) => ErrorEquals)).not.toContain(error);
    }
  });

  it('stays within what Step Functions takes', () => {
    for (const { IntervalSeconds = 1, MaxAttempts = 3, BackoffRate = 2, MaxDelaySeconds } of table) {
      expect(IntervalSeconds).toBeGreaterThanOrEqual(1);
      expect(MaxAttempts).toBeLessThanOrEqual(99_999_999);
      expect(BackoffRate).toBeGreaterThanOrEqual(1);
      if (MaxDelaySeconds === undefined) continue;
      expect(MaxDelaySeconds).toBeGreaterThan(IntervalSeconds);
      expect(MaxDelaySeconds).toBeLessThan(31_622_400);
    }
  });
});
