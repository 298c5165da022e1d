import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AwsApi, AwsError, serveAwsApi } from '../../local/aws-api.ts';
import { FunctionError } from '../../local/lambda.ts';
import { LocalS3 } from '../../local/s3.ts';
import { LocalStepFunctions, type StepFunctionsOptions } from '../../local/step-functions.ts';
import { until } from '../until.ts';

type Definition = StepFunctionsOptions['definition'];
type States = Record<string, unknown>;

const arnOf = (name: string) => `arn:aws:states:us-east-1:000000000000:stateMachine:${name}`;
const define = (States: States): Definition => ({ StartAt: Object.keys(States)[0] ?? '', States }) as Definition;
const invoke = { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', OutputPath: '$.Payload', End: true };
const child = define({ Work: { ...invoke, Parameters: { FunctionName: 'work', 'Payload.$': '$' } } });
const nested = (more: object = {}) =>
  define({
    Nested: {
      Type: 'Task',
      Resource: 'arn:aws:states:::states:startExecution.sync:2',
      Parameters: { StateMachineArn: arnOf('child'), 'Name.$': '$.name', 'Input.$': '$.input' },
      End: true,
      ...more,
    },
  });
const distributed = (more: object) =>
  define({
    Each: {
      Type: 'Map',
      Label: 'Each',
      ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' }, ...child },
      End: true,
      ...more,
    },
  });
const fromObject = (InputType: string) => ({
  Resource: 'arn:aws:states:::s3:getObject',
  ReaderConfig: { InputType },
  Parameters: { Bucket: 'data', 'Key.$': '$.key' },
});
const machines: Record<string, Definition> = {
  child,
  parent: nested(),
  looking: define({
    Look: {
      Type: 'Task',
      Resource: 'arn:aws:states:::aws-sdk:sfn:describeExecution',
      Parameters: { 'ExecutionArn.$': '$.arn' },
      ResultSelector: { 'status.$': '$.Status', 'stopped.$': '$.StopDate' },
      End: true,
    },
  }),
  catching: nested({
    Retry: [{ ErrorEquals: ['StepFunctions.ThrottlingException'], MaxAttempts: 2 }],
    Catch: [{ ErrorEquals: ['States.TaskFailed'], Next: 'Caught' }],
  }),
  listing: distributed({
    ItemReader: { Resource: 'arn:aws:states:::s3:listObjectsV2', Parameters: { Bucket: 'data', 'Prefix.$': '$.from' } },
    ItemSelector: { 'key.$': '$$.Map.Item.Value.Key', 'size.$': '$$.Map.Item.Value.Size', 'to.$': '$.to' },
    ItemBatcher: { MaxItemsPerBatch: 2, BatchInput: { 'for.$': '$$.Execution.Name' } },
    ResultWriter: { Resource: 'arn:aws:states:::s3:putObject', Parameters: { Bucket: 'out', Prefix: 'runs' } },
    ResultPath: '$.run',
  }),
  lines: distributed({
    ItemReader: { ...fromObject('JSONL'), ReaderConfig: { InputType: 'JSONL', MaxItemsPath: '$.most' } },
    MaxConcurrency: 2,
  }),
  table: distributed({ ItemReader: fromObject('CSV') }),
  tolerant: distributed({
    ItemsPath: '$.items',
    MaxConcurrency: 1,
    ToleratedFailurePercentagePath: '$.tolerated',
    ResultWriter: {
      Resource: 'arn:aws:states:::s3:putObject',
      Parameters: { Bucket: 'out', Prefix: 'tolerant' },
      WriterConfig: { Transformation: 'COMPACT', OutputType: 'JSONL' },
    },
    Catch: [{ ErrorEquals: ['States.ExceedToleratedFailureThreshold'], Next: 'Caught', ResultPath: '$.error' }],
  }),
};
for (const name of ['catching', 'tolerant'])
  Object.assign(machines[name]?.States ?? {}, { Caught: { Type: 'Succeed' } });

/** What the function `work` does: gives back its event; fails, or stays busy until released, if the event says so. */
let release: () => void = () => undefined;
const released = new Promise<void>((resolve) => (release = resolve));
let mostAtOnce = 0;
let atOnce = 0;
async function work(_: string, event: unknown): Promise<unknown> {
  const text = JSON.stringify(event);
  if (text.includes('busy')) await released;
  mostAtOnce = Math.max(mostAtOnce, ++atOnce);
  await new Promise((resolve) => setTimeout(resolve, 1));
  atOnce--;
  if (text.includes('bad')) throw new FunctionError({ errorType: 'BadImage', errorMessage: 'No image', trace: [] });
  return event;
}

let s3: LocalS3;
let api: AwsApi;
let sfn: SFNClient;
let stepFunctions: LocalStepFunctions;
let refusals: AwsError[] = [];

beforeAll(async () => {
  s3 = await LocalS3.start({ buckets: { data: { versioned: false }, out: { versioned: false } }, credentials: {} });
  const others = Object.fromEntries(Object.entries(machines).map(([name, machine]) => [arnOf(name), machine]));
  const refuse = () => refusals.pop();
  stepFunctions = new LocalStepFunctions({
    ...{ stateMachineArn: arnOf('child'), definition: child, others, invoke: work, s3, refuse, retryMs: 1 },
  });
  api = await serveAwsApi(stepFunctions.operations);
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  sfn = new SFNClient({ endpoint: api.url, region: 'us-east-1', credentials });
});

afterAll(async () => {
  release();
  await stepFunctions.close();
  await Promise.all([api.close(), s3.close()]);
});

async function start(machine: string, input: unknown, name?: string): Promise<string> {
  const request = { stateMachineArn: arnOf(machine), input: JSON.stringify(input), name };
  return (await sfn.send(new StartExecutionCommand(request))).executionArn ?? '';
}

const describeExecution = (executionArn: string) => sfn.send(new DescribeExecutionCommand({ executionArn }));

async function ended(executionArn: string) {
  return until(async () => {
    const execution = await describeExecution(executionArn);
    return execution.status === 'RUNNING' ? undefined : execution;
  });
}

async function outputOf(machine: string, input: unknown, name?: string) {
  const { status, output, error, cause } = await ended(await start(machine, input, name));
  expect({ status, error, cause }).toEqual({ status: 'SUCCEEDED' });
  return JSON.parse(output ?? '');
}

async function mapRunOf(executionArn: string) {
  const mapRunArn = await until(async () => {
    const { mapRuns } = await sfn.send(new ListMapRunsCommand({ executionArn }));
    return mapRuns?.[0]?.mapRunArn;
  });
  return sfn.send(new DescribeMapRunCommand({ mapRunArn }));
}

const contentOf = (key: string) => s3.get('out', key)?.body.toString() ?? '';

describe('several state machines', () => {
  it('have executions of their own, under the same name too', async () => {
    const one = await start('child', { of: 'child' }, 'same');
    const other = await start('table', { key: 'none' }, 'same');
    expect(one).not.toBe(other);
    expect(JSON.parse((await ended(one)).output ?? '')).toEqual({ of: 'child' });
    expect(await ended(other)).toMatchObject({ status: 'FAILED', error: 'States.ItemReaderFailed' });
    const { executions } = await sfn.send(new ListExecutionsCommand({ stateMachineArn: arnOf('table') }));
    expect(executions?.map(({ executionArn }) => executionArn)).toEqual([other]);
  });

  it('that do not exist are refused', async () => {
    await expect(start('nobody', {})).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' });
    const list = new ListExecutionsCommand({ stateMachineArn: arnOf('nobody') });
    await expect(sfn.send(list)).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' });
  });
});

describe('a nested execution', () => {
  it('gives the parent its parsed output', async () => {
    const output = await outputOf('parent', { name: 'good', input: { cat: 1 } });
    expect(output).toMatchObject({
      ExecutionArn: 'arn:aws:states:us-east-1:000000000000:execution:child:good',
      ...{ Name: 'good', Status: 'SUCCEEDED', StateMachineArn: arnOf('child') },
      ...{ Input: { cat: 1 }, Output: { cat: 1 } },
    });
    expect(output.StopDate).toBeGreaterThanOrEqual(output.StartDate);
  });

  it('that fails is a task that failed, whose cause says which and why', async () => {
    const caught = await outputOf('catching', { name: 'failing', input: { bad: true } });
    expect(caught.Error).toBe('States.TaskFailed');
    expect(JSON.parse(caught.Cause)).toMatchObject({ Name: 'failing', Status: 'FAILED', Error: 'BadImage' });
  });

  it('whose name is taken is refused with the error that a Retry would name', async () => {
    await outputOf('parent', { name: 'once', input: {} });
    const parent = await ended(await start('parent', { name: 'once', input: {} }));
    expect(parent).toMatchObject({ status: 'FAILED', error: 'StepFunctions.ExecutionAlreadyExistsException' });
  });

  it('can be looked at by another execution, by its ARN', async () => {
    const { ExecutionArn: arn } = await outputOf('parent', { name: 'looked-at', input: {} });
    expect(await outputOf('looking', { arn })).toEqual({
      ...{ status: 'SUCCEEDED', stopped: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) },
    });
    const failed = await ended(await start('looking', { arn: `${arn}-not` }));
    expect(failed).toMatchObject({ status: 'FAILED', error: 'Sfn.ExecutionDoesNotExistException' });
  });

  it('is started again after it was throttled', async () => {
    refusals = [new AwsError('ThrottlingException', 'Rate exceeded')];
    const { Output } = await outputOf('catching', { name: 'throttled', input: { cat: 2 } });
    expect(Output).toEqual({ cat: 2 });
  });

  it('is shared by parents that start it by the same name while it runs, and ends with a parent that is stopped', async () => {
    const input = { name: 'shared', input: { busy: 'nested' } };
    const parents = [await start('parent', input), await start('parent', input)];
    const shared = await until(() => stepFunctions.executions.find(({ name }) => name === 'shared'));
    await sfn.send(new StopExecutionCommand({ executionArn: parents[0] }));
    expect(await ended(parents[0] ?? '')).toMatchObject({ status: 'ABORTED' });
    expect(await ended(shared.arn)).toMatchObject({ status: 'ABORTED' });
    const other = await ended(parents[1] ?? '');
    expect(other).toMatchObject({ status: 'FAILED', error: 'States.TaskFailed' });
    expect(JSON.parse(other.cause ?? '')).toMatchObject({ ExecutionArn: shared.arn, Status: 'ABORTED' });
  });
});

describe('a Distributed Map', () => {
  it('runs a child for each batch of the objects under a prefix, and writes what came of them', async () => {
    for (const name of ['a', 'b', 'bad/c']) s3.put('data', `cats/${name}.jpg`, Buffer.from(name));
    for (const name of ['x', 'yy', 'zzz']) s3.put('data', `dogs/${name}.jpg`, Buffer.from(name));
    const executionArn = await start('listing', { from: 'dogs/', to: 'out' }, 'dogs');
    const output = JSON.parse((await ended(executionArn)).output ?? '');
    const { mapRunArn = '', ...mapRun } = await mapRunOf(executionArn);
    expect(output).toMatchObject({ from: 'dogs/', run: { MapRunArn: mapRunArn } });
    expect(mapRun).toMatchObject({
      status: 'SUCCEEDED',
      itemCounts: { total: 3, succeeded: 3, failed: 0, pending: 0, running: 0, resultsWritten: 3 },
      executionCounts: { total: 2, succeeded: 2 },
    });

    const { Bucket, Key } = output.run.ResultWriterDetails;
    expect(Bucket).toBe('out');
    expect(Key).toMatch(/^runs\/[0-9a-f-]{36}\/manifest\.json$/);
    const { ResultFiles, ...manifest } = JSON.parse(contentOf(Key));
    expect(manifest).toEqual({ DestinationBucket: 'out', MapRunArn: mapRunArn });
    const [file] = ResultFiles.SUCCEEDED;
    expect(ResultFiles).toEqual({ FAILED: [], PENDING: [], SUCCEEDED: [file] });
    const results = JSON.parse(contentOf(file.Key));
    expect(file.Size).toBe(contentOf(file.Key).length);
    const item = (key: string, size: number) => ({ key: `dogs/${key}.jpg`, size, to: 'out' });
    expect(results.map(({ Input }: { Input: string }) => JSON.parse(Input))).toEqual([
      { BatchInput: { for: 'dogs' }, Items: [item('x', 1), item('yy', 2)] },
      { BatchInput: { for: 'dogs' }, Items: [item('zzz', 3)] },
    ]);
    const { executions } = await sfn.send(new ListExecutionsCommand({ mapRunArn }));
    expect(results.map((each: { ExecutionArn: string }) => each.ExecutionArn).sort()).toEqual(
      executions?.map((each) => each.executionArn).sort(),
    );
    expect(results[0]).toMatchObject({ Status: 'SUCCEEDED', StateMachineArn: `${arnOf('listing')}/Each` });
  });

  it('shows in the history as the Map state that it is', async () => {
    s3.put('data', 'empty.jsonl', Buffer.from(''));
    const executionArn = await start('lines', { key: 'empty.jsonl', most: 1 });
    await ended(executionArn);
    const types = stepFunctions.get(executionArn).history.map(({ type }) => type);
    expect(types).toEqual([...['ExecutionStarted', 'MapStateEntered', 'MapStateExited', 'ExecutionSucceeded']]);
  });

  it('fails at a list in a format that is not emulated, by its name', async () => {
    s3.put('data', 'table.csv', Buffer.from('key\na.jpg\n'));
    expect(await ended(await start('table', { key: 'table.csv' }))).toMatchObject({
      status: 'FAILED',
      error: 'States.ItemReaderFailed',
      cause: expect.stringContaining('does not know the InputType CSV'),
    });
  });

  it('reads as many JSON lines as it may, and runs as many children at once as it may', async () => {
    s3.put('data', 'many.jsonl', Buffer.from(Array.from({ length: 9 }, (_, n) => `{"n":${n}}\n`).join('')));
    mostAtOnce = 0;
    const output = await outputOf('lines', { key: 'many.jsonl', most: 6 });
    expect(output).toEqual([0, 1, 2, 3, 4, 5].map((n) => ({ n })));
    expect(mostAtOnce).toBe(2);
  });

  it('counts its children while they run, and stops them with their parent', async () => {
    s3.put('data', 'busy.jsonl', Buffer.from('{"n":0}\n{"busy":1}\n{"busy":2}\n{"n":3}\n'));
    const executionArn = await start('lines', { key: 'busy.jsonl', most: 10 });
    const running = await until(async () => {
      const mapRun = await mapRunOf(executionArn);
      return mapRun.itemCounts?.running === 2 ? mapRun : undefined;
    });
    expect(running).toMatchObject({ status: 'RUNNING', maxConcurrency: 2 });
    expect(running.itemCounts).toMatchObject({ total: 4, succeeded: 1, running: 2, pending: 1, resultsWritten: 0 });
    await sfn.send(new StopExecutionCommand({ executionArn }));
    expect(await ended(executionArn)).toMatchObject({ status: 'ABORTED' });
    const stopped = await until(async () => {
      const mapRun = await mapRunOf(executionArn);
      return mapRun.status === 'RUNNING' ? undefined : mapRun;
    });
    expect(stopped).toMatchObject({ status: 'ABORTED', itemCounts: { succeeded: 1, aborted: 2, pending: 1 } });
  });

  it('tolerates as many failures as it may, and leaves them out of the results', async () => {
    const { ResultWriterDetails: details } = await outputOf('tolerant', { items: ['a', 'bad', 'c'], tolerated: 34 });
    const { ResultFiles } = JSON.parse(contentOf(details.Key));
    expect(contentOf(ResultFiles.SUCCEEDED[0].Key)).toBe('"a"\n"c"');
    expect(JSON.parse(contentOf(ResultFiles.FAILED[0].Key))).toMatchObject({ Error: 'BadImage', Status: 'FAILED' });
  });

  it('fails, starts no more children and still writes the results once more have failed', async () => {
    const executionArn = await start('tolerant', { items: ['a', 'bad', 'c', 'd'], tolerated: 20 });
    const { error } = JSON.parse((await ended(executionArn)).output ?? '');
    expect(error).toMatchObject({ Error: 'States.ExceedToleratedFailureThreshold' });
    const { mapRunArn = '', status, itemCounts } = await mapRunOf(executionArn);
    expect(status).toBe('FAILED');
    expect(itemCounts).toMatchObject({ total: 4, succeeded: 1, failed: 1, pending: 2, resultsWritten: 2 });
    const folder = `tolerant/${mapRunArn.split(':').at(-1)}`;
    expect(s3.list('out', folder).map((key) => key.slice(folder.length + 1))).toEqual([
      ...['FAILED_0.jsonl', 'PENDING_0.jsonl', 'SUCCEEDED_0.jsonl', 'manifest.json'],
    ]);
    expect(contentOf(`${folder}/PENDING_0.jsonl`).split('\n')).toHaveLength(2);
  });
});
