import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import {
  type BackfillReport,
  type Candidate,
  type ImageToStart,
  type Planned,
  parseBackfillInput,
} from '../../../functions/backfill/contract.ts';
import { synthesize } from '../../../local/template.ts';
import type { Json } from '../read-template.ts';

interface Retrier {
  ErrorEquals: string[];
  MaxAttempts?: number;
  MaxDelaySeconds?: number;
}

interface Catcher {
  ErrorEquals: string[];
  ResultPath: string;
  Next: string;
}

interface State {
  Type: string;
  Next?: string;
  End?: boolean;
  Default?: string;
  Choices?: { Next: string }[];
  Retry?: Retrier[];
  Catch?: Catcher[];
  Resource?: string;
  OutputPath?: string;
  ResultPath?: string | null;
  ResultSelector?: Record<string, string>;
  Result?: Json;
  TimeoutSeconds?: number;
  ItemProcessor?: States & { ProcessorConfig: { Mode: string; ExecutionType: string } };
  // biome-ignore lint/suspicious/noExplicitAny: what readers, writers and batchers say has no types here
  [field: string]: any;
}

interface States {
  StartAt: string;
  States: Record<string, State>;
}

function machine() {
  const template = synthesize();
  const found = template
    .resources('AWS::StepFunctions::StateMachine')
    .find(({ logicalId }) => /Backfill/.test(logicalId));
  const text: string = found?.properties.DefinitionString;
  const definition: States & { TimeoutSeconds: number } = JSON.parse(text);
  return { template, text, definition };
}

const { template, text, definition } = machine();

/** A state by its name, also one of those that a Map runs for each item. */
function state(name: string): State {
  const all = [definition, ...Object.values(definition.States).flatMap(({ ItemProcessor = [] }) => ItemProcessor)];
  const found = all.flatMap(({ States }) => States[name] ?? [])[0];
  if (found === undefined) throw new Error(`There is no state ${name}`);
  return found;
}

const SELECT = 'Select images';
const MAP_RUN_FAILED = { ErrorEquals: ['States.ALL'], ResultPath: '$.failure', Next: 'What failed' };
const STARTS = ['Remove background', 'Remove background anew'];

const places = { uploadsPrefix: '', resultsPrefix: 'out/' };
const context = { ...places, execution: 'nightly', startedAt: '2026-01-01T00:00:00Z' };
const image: Candidate = { bucket: 'uploads', key: 'cat.jpg', versionId: 'v1', etag: 'e1' };
const planned: Planned = {
  backfill: parseBackfillInput({}, context),
  plan: { examined: 2, skipped: { empty: 1 }, found: 1, images: 1, priceUsd: 0.018, imagesKey: 'images.jsonl' },
};
const report: BackfillReport = {
  ...planned.backfill,
  ...planned.plan,
  ...{ status: 'COMPLETED', delivered: 1, superseded: 0, alreadyHandled: 0, failed: {}, summary: 'All is well.' },
  report: { bucket: 'results', key: 'report.json' },
};

/** What the tasks and Map Runs come back with, before the state selects from it. */
const RESULTS: Record<string, unknown> = {
  'Prepare backfill': { Payload: { backfill: planned.backfill } },
  'Plan backfill': { Payload: planned },
  'Report backfill': { Payload: report },
  ...Object.fromEntries(
    [SELECT, 'Remove'].map((name) => [
      name,
      { MapRunArn: 'arn:run', ResultWriterDetails: { Bucket: 'results', Key: 'run/manifest.json' } },
    ]),
  ),
  'Remove background': { ExecutionArn: 'arn:execution', Status: 'SUCCEEDED', Output: { status: 'DELIVERED' } },
  'Remove background anew': { ExecutionArn: 'arn:execution', Status: 'SUCCEEDED', Output: { status: 'DELIVERED' } },
  'Earlier execution': {
    ...{ ExecutionArn: 'arn:execution', Name: 'name', Status: 'FAILED', Error: 'E', RedriveStatus: 'REDRIVABLE' },
  },
  'Redriven execution': { Status: 'SUCCEEDED', Output: '{"status":"DELIVERED"}', Error: 'E', Cause: 'C' },
  'Failed execution': {
    ...{ ExecutionArn: 'arn:execution', Name: 'name', Status: 'FAILED', Error: 'E', RedriveStatus: 'REDRIVABLE' },
    Input: JSON.stringify(image),
  },
  'Its input': { input: image },
  'What failed': { cause: 'C' },
  'Look again': { Payload: { skipped: {}, images: [image] } },
};

/** What a JSONPath leads to; undefined if that is nothing. */
function at(path: string, input: unknown): unknown {
  const fields = path.split('.').slice(1);
  return fields.reduce((value, field) => (value as Record<string, unknown> | undefined)?.[field], input);
}

function place(input: unknown, path: string | null | undefined, result: unknown): unknown {
  if (path === null) return input;
  return path === undefined ? result : { ...(input as object), [path.slice(2)]: result };
}

/** What a state puts out. */
function outputOf(name: string, of: State, input: unknown): unknown {
  if (of.Type === 'Pass') return place(input, of.ResultPath, RESULTS[name] ?? of.Result);
  if (!Object.hasOwn(RESULTS, name)) return input;
  const raw = RESULTS[name];
  const selected = Object.entries(of.ResultSelector ?? {}).map(([key, path]) => [key.slice(0, -2), at(path, raw)]);
  const result = selected.length > 0 ? Object.fromEntries(selected) : raw;
  const output = place(input, of.ResultPath, result);
  return of.OutputPath === undefined ? output : at(of.OutputPath, output);
}

/** Paths into its input that a state uses, those of its items aside. */
function pathsIn({ ItemProcessor, ResultPath, ResultSelector, OutputPath, Catch, ...own }: State): string[] {
  return [...JSON.stringify(own).matchAll(/(?<!\$)\$(?:\.\w+)+/g)].map(([path]) => path);
}

/** Every path that leads to nothing, on every way through the states. */
function lostPaths({ StartAt, States }: States, input: unknown): string[] {
  const lost: string[] = [];
  const visited = new Set<string>();
  const visit = (name: string, given: unknown): void => {
    const way = `${name} ${JSON.stringify(given)}`;
    if (visited.has(way)) return;
    visited.add(way);
    const of = States[name];
    if (of === undefined) throw new Error(`There is no state ${name}`);
    for (const path of pathsIn(of)) if (at(path, given) === undefined) lost.push(`${name}: ${path}`);
    for (const { Next, ResultPath } of of.Catch ?? [])
      visit(Next, place(given, ResultPath, { Error: 'E', Cause: 'C' }));
    const output = outputOf(name, of, given);
    for (const next of [of.Next, of.Default, ...(of.Choices ?? []).map(({ Next }) => Next)]) {
      if (next !== undefined) visit(next, output);
    }
  };
  visit(StartAt, input);
  const reached = new Set([...visited].map((way) => way.replace(/ [{].*$/s, '')));
  expect([...reached].sort()).toEqual(Object.keys(States).sort());
  return lost;
}

describe('the definition of a backfill', () => {
  it('is valid by an independent validator', () => {
    const validate = createRequire(import.meta.url)('asl-validator');
    // It notes things down in what it is given.
    expect(validate(JSON.parse(text)).errorsText()).toBe('');
    expect(validate(JSON.parse(text.replace('"StartAt":"Has it failed before?"', '"StartAt":"No"'))).isValid).toBe(
      false,
    );
  });

  it('reaches every state, and reads nothing that no state before has put out', () => {
    expect(lostPaths(definition, {})).toEqual([]);
    const items = definition.States.Remove?.ItemProcessor as States;
    const { startedAt } = planned.backfill;
    const item: ImageToStart = { input: image, name: 'cat', nextName: 'cat-2', startedAt, failed: 'cat-0' };
    expect(lostPaths(items, item)).toEqual([]);
  });

  it('has no Choice that leaves anything open', () => {
    const choices = Object.values(definition.States).filter(({ Type }) => Type === 'Choice');
    for (const { Choices, Default } of choices) {
      expect(Choices?.length).toBeGreaterThan(0);
      expect(Default).toBeDefined();
    }
  });

  it('uses no context but what local interpreters supply, and no JSONata', () => {
    const used = [...text.matchAll(/\$\$\.?[A-Za-z0-9_.]*/g)].map(([path]) => path);
    expect([...new Set(used)].sort()).toEqual([
      ...['$$.Execution.Id', '$$.Execution.Name', '$$.Execution.StartTime', '$$.StateMachine.Id'],
    ]);
    expect(text).not.toMatch(/JSONata|\{%/);
  });
});

describe('Select images', () => {
  it('reads the listing of the uploads bucket within the prefix', () => {
    const [uploads] = template.resources('AWS::S3::Bucket').filter(({ logicalId }) => /Uploads/.test(logicalId));
    expect(state(SELECT).ItemReader).toEqual({
      Resource: 'arn:aws:states:::s3:listObjectsV2',
      Parameters: { Bucket: template.ref(uploads?.logicalId ?? ''), 'Prefix.$': '$.backfill.prefix' },
    });
  });

  it('looks at objects in batches, in short executions that may run twice', () => {
    const { ItemProcessor, ItemBatcher, MaxConcurrency } = state(SELECT);
    expect(ItemProcessor?.ProcessorConfig).toEqual({ Mode: 'DISTRIBUTED', ExecutionType: 'EXPRESS' });
    expect(ItemBatcher.MaxItemsPerBatch).toBe(100);
    expect(MaxConcurrency).toBe(10);
    const batch = Object.entries<string>(ItemBatcher.BatchInput).map(([key, path]) => [key, at(path, planned)]);
    const { prefix, startedAt, retryFailed } = planned.backfill;
    const given = { 'prefix.$': prefix, 'startedAt.$': startedAt, 'retryFailed.$': retryFailed };
    expect(Object.fromEntries(batch)).toEqual(given);
    expect(Object.keys(ItemProcessor?.States ?? {})).toEqual(['Look']);
    // An Express execution lasts five minutes at most.
    const [select] = template
      .resources('AWS::Lambda::Function')
      .filter(({ properties }) => properties.Handler === 'select-images.handler');
    expect(select?.properties.Timeout).toBeLessThan(300);
    expect(state('Look').Parameters.FunctionName).toBe(template.arn(select?.logicalId ?? ''));
  });

  it('stops at the first batch that cannot be looked at: who is not looked at is not reported', () => {
    for (const field of ['ToleratedFailurePercentage', 'ToleratedFailurePercentagePath', 'ToleratedFailureCount']) {
      expect(state(SELECT)).not.toHaveProperty(field);
    }
    expect(state(SELECT).Catch).toEqual([MAP_RUN_FAILED]);
  });
});

describe('Remove', () => {
  it('takes one image for each line of the plan, in executions that can wait for hours', () => {
    expect(state('Remove').ItemProcessor?.ProcessorConfig).toEqual({ Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' });
    expect(state('Remove')).not.toHaveProperty('ItemBatcher');
    expect(state('Remove').ItemReader).toMatchObject({
      Resource: 'arn:aws:states:::s3:getObject',
      ReaderConfig: { InputType: 'JSONL' },
      Parameters: { 'Key.$': '$.plan.imagesKey' },
    });
  });

  it('goes as fast, and puts up with as many failures, as the input says', () => {
    const { MaxConcurrencyPath, ToleratedFailurePercentagePath, ...others } = state('Remove');
    expect(at(String(MaxConcurrencyPath), planned)).toBe(planned.backfill.maxConcurrency);
    expect(at(String(ToleratedFailurePercentagePath), planned)).toBe(planned.backfill.toleratedFailurePercentage);
    expect(others).not.toHaveProperty('MaxConcurrency');
    expect(others).not.toHaveProperty('ToleratedFailurePercentage');
  });

  it('is left out of a dry run, and where there is nothing to do', () => {
    expect(state('Anything to do?')).toMatchObject({
      Choices: [
        {
          Or: [
            { Variable: '$.backfill.dryRun', BooleanEquals: true },
            { Variable: '$.plan.images', NumericEquals: 0 },
          ],
          Next: 'Report backfill',
        },
      ],
      Default: 'Remove',
    });
  });

  it('is reported also if too many fail, and then the backfill fails', () => {
    expect(state('Remove').Next).toBe('Report backfill');
    expect(state('Remove').Catch).toEqual([
      { ErrorEquals: ['States.ExceedToleratedFailureThreshold'], ResultPath: '$.failure', Next: 'Report backfill' },
      MAP_RUN_FAILED,
    ]);
    expect(state('How did it go?')).toMatchObject({
      Choices: [{ Variable: '$.status', StringEquals: 'TOO_MANY_FAILURES', Next: 'Too many failures' }],
      Default: 'Done',
    });
    const { Type, Error: error, CausePath } = state('Too many failures');
    expect({ Type, error }).toEqual({ Type: 'Fail', error: 'TooManyFailures' });
    expect(at(String(CausePath), report)).toBe(report.summary);
    expect(state('Done').Type).toBe('Succeed');
  });
});

describe('what the Map Runs write', () => {
  it.each([
    [SELECT, 'selected'],
    ['Remove', 'removed'],
  ])('for %s lies in the folder "%s" of the backfill, in the results bucket, one line each', (name, folder) => {
    const [results] = template.resources('AWS::S3::Bucket').filter(({ logicalId }) => /Results/.test(logicalId));
    expect(state(name).ResultWriter).toEqual({
      Resource: 'arn:aws:states:::s3:putObject',
      Parameters: {
        Bucket: template.ref(results?.logicalId ?? ''),
        'Prefix.$': `States.Format('{}${folder}', $.backfill.reportPrefix)`,
      },
      WriterConfig: { OutputType: 'JSONL', Transformation: 'COMPACT' },
    });
    expect(state(name).Label).toMatch(/^[A-Za-z]{1,40}$/);
  });
});

/** How often a state is tried again after an error. */
function retries({ Retry = [] }: State, error: string): number {
  const isMeant = (name: string) =>
    name === error || name === 'States.ALL' || (name === 'States.TaskFailed' && error !== 'States.Timeout');
  const retrier = Retry.find(({ ErrorEquals }) => ErrorEquals.some(isMeant));
  return retrier === undefined ? 0 : (retrier.MaxAttempts ?? 3);
}

describe('a removal, which costs money', () => {
  it.each(STARTS)('%s waits for it, and puts out how it ended', (name) => {
    const [removal] = template
      .resources('AWS::StepFunctions::StateMachine')
      .filter(({ logicalId }) => /Workflow/.test(logicalId));
    expect(state(name)).toMatchObject({
      Resource: 'arn:aws:states:::states:startExecution.sync:2',
      Parameters: { StateMachineArn: template.arn(removal?.logicalId ?? ''), 'Input.$': '$.input' },
      End: true,
    });
    expect(outputOf(name, state(name), {})).toEqual({ status: 'DELIVERED' });
  });

  it('has the same name at every attempt, so that none can submit twice', () => {
    expect(STARTS.map((name) => state(name).Parameters['Name.$'])).toEqual(['$.name', '$.nextName']);
  });

  it.each(STARTS)('%s is tried again only after errors of the start', (name) => {
    for (const error of ['States.TaskFailed', 'States.Timeout', 'RemovalFailed', 'OutcomeUnknown']) {
      expect(retries(state(name), error)).toBe(0);
    }
    for (const error of ['ThrottlingException', 'TooManyRequestsException', 'InternalServerException']) {
      expect(retries(state(name), `StepFunctions.${error}`)).toBe(10);
    }
  });

  it('whose name is taken is left alone if that runs, redriven if that may have paid, and started anew only if it left no result', () => {
    const taken = ['StepFunctions.ExecutionAlreadyExists', 'StepFunctions.ExecutionAlreadyExistsException'];
    for (const error of taken) expect(retries(state('Remove background'), error)).toBe(0);
    expect(state('Remove background').Catch).toEqual([
      { ErrorEquals: taken, ResultPath: '$.taken', Next: 'Earlier execution' },
    ]);
    expect(state('Earlier execution').Parameters['ExecutionArn.$']).toMatch(/:execution:\w+:\{\}', \$\.name\)$/);
    // As the table of errors has it: a redrive would fail again.
    const hopeless = [
      ...['InvalidInput', 'ImageNotFound', 'NotAnImage', 'UnsupportedFormat', 'ImageTooLarge'],
      ...['RemovalFailed', 'ResultExpired', 'ResultTooLarge'],
    ];
    const failed = { Or: hopeless.map((name) => ({ Variable: '$.earlier.Error', StringEquals: name })) };
    expect(state('How did it end?')).toMatchObject({
      Choices: [
        { Variable: '$.earlier.Status', StringEquals: 'RUNNING', Next: 'Already handled' },
        { And: [{ Variable: '$.earlier.Error', IsPresent: true }, failed], Next: 'Look again' },
        { Variable: '$.earlier.RedriveStatus', StringEquals: 'REDRIVABLE', Next: 'Redrive' },
      ],
      Default: 'Look again',
    });
    expect(state('Look again').Parameters).toMatchObject({
      Payload: { Items: [{ 'Key.$': '$.input.key' }], BatchInput: { 'prefix.$': '$.input.key', retryFailed: true } },
    });
    expect(state('Still without a result?')).toMatchObject({
      Choices: [{ Variable: '$.look.output.images[0]', IsPresent: true, Next: 'Remove background anew' }],
      Default: 'Already handled',
    });
    expect(state('Already handled')).toMatchObject({ Result: { status: 'ALREADY_HANDLED' }, End: true });
    // Whose second name is taken, too, has been started by this backfill: it fails, and is reported.
    expect(state('Remove background anew')).not.toHaveProperty('Catch');
  });
});

describe('what costs nothing', () => {
  const tasks = ['Prepare backfill', 'Plan backfill', 'Report backfill', 'Look'];

  it.each(tasks)('%s is done again after any error but a wrong input, and outlasted by its state', (name) => {
    expect(retries(state(name), 'InvalidInput')).toBe(0);
    for (const error of ['InternalError', 'Sandbox.Timedout', 'Lambda.TooManyRequestsException', 'States.Timeout']) {
      // Looking has to end within the five minutes of an Express execution.
      expect(retries(state(name), error)).toBe(name === 'Look' ? 3 : 8);
    }
    const invoked = template
      .resources('AWS::Lambda::Function')
      .find(({ logicalId }) => template.arn(logicalId) === state(name).Parameters.FunctionName);
    expect(state(name).TimeoutSeconds).toBeGreaterThanOrEqual(invoked?.properties.Timeout);
  });

  it('the look at an earlier execution is patient, because Step Functions answers few of them', () => {
    expect(retries(state('Earlier execution'), 'Sfn.ThrottlingException')).toBe(20);
  });
});
