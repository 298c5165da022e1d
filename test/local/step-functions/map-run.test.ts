import { ListExecutionsCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { until } from '../../until.ts';
import {
  arnOf,
  atOnce,
  contentOf,
  ended,
  mapRunOf,
  outputOf,
  s3,
  sfn,
  start,
  startMachines,
  stepFunctions,
} from './rig.ts';

startMachines();

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
    atOnce.most = 0;
    const output = await outputOf('lines', { key: 'many.jsonl', most: 6 });
    expect(output).toEqual([0, 1, 2, 3, 4, 5].map((n) => ({ n })));
    expect(atOnce.most).toBe(2);
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
