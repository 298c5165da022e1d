import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  ListMapRunsCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, expect } from 'vitest';
import { type AwsApi, type AwsError, serveAwsApi } from '../../../local/aws-api.ts';
import { FunctionError } from '../../../local/lambda.ts';
import { LocalS3 } from '../../../local/s3.ts';
import { LocalStepFunctions, type StepFunctionsOptions } from '../../../local/step-functions.ts';
import { until } from '../../until.ts';

/** State machines of a file of tests, which they start as anybody does. */

type Definition = StepFunctionsOptions['definition'];
type States = Record<string, unknown>;

export const arnOf = (name: string) => `arn:aws:states:us-east-1:000000000000:stateMachine:${name}`;
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

/** Resolved when those that are busy may go on. */
let busy = Promise.withResolvers<void>();
const release = () => busy.resolve();
/** How many of them run, and how many did at most. */
export const atOnce = { now: 0, most: 0 };

/** What the function `work` does: gives back its event; fails, or stays busy until released, if the event says so. */
async function work(_: string, event: unknown): Promise<unknown> {
  const text = JSON.stringify(event);
  if (text.includes('busy')) await busy.promise;
  atOnce.most = Math.max(atOnce.most, ++atOnce.now);
  await new Promise((resolve) => setTimeout(resolve, 1));
  atOnce.now--;
  if (text.includes('bad')) throw new FunctionError({ errorType: 'BadImage', errorMessage: 'No image', trace: [] });
  return event;
}

export let s3: LocalS3;
let api: AwsApi;
export let sfn: SFNClient;
export let stepFunctions: LocalStepFunctions;
/** What the next requests of the machines to Step Functions are refused with. */
export const refusals: AwsError[] = [];

/** Starts all of them for the tests of a file. */
export function startMachines(): void {
  beforeAll(async () => {
    busy = Promise.withResolvers();
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
}

export async function start(machine: string, input: unknown, name?: string): Promise<string> {
  const request = { stateMachineArn: arnOf(machine), input: JSON.stringify(input), name };
  return (await sfn.send(new StartExecutionCommand(request))).executionArn ?? '';
}

const describeExecution = (executionArn: string) => sfn.send(new DescribeExecutionCommand({ executionArn }));

export async function ended(executionArn: string) {
  return until(async () => {
    const execution = await describeExecution(executionArn);
    return execution.status === 'RUNNING' ? undefined : execution;
  });
}

export async function outputOf(machine: string, input: unknown, name?: string) {
  const { status, output, error, cause } = await ended(await start(machine, input, name));
  expect({ status, error, cause }).toEqual({ status: 'SUCCEEDED' });
  return JSON.parse(output ?? '');
}

export async function mapRunOf(executionArn: string) {
  const mapRunArn = await until(async () => {
    const { mapRuns } = await sfn.send(new ListMapRunsCommand({ executionArn }));
    return mapRuns?.[0]?.mapRunArn;
  });
  return sfn.send(new DescribeMapRunCommand({ mapRunArn }));
}

export const contentOf = (key: string) => s3.get('out', key)?.body.toString() ?? '';
