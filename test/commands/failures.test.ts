import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSince } from '../../commands/shared/deployment.ts';
import type { LocalCloud } from '../../local/cloud.ts';
import { statesOf } from '../executions.ts';
import { CAT } from '../pictures.ts';
import { execute, startCloud, upload } from '../pipeline-rig.ts';
import { runCommand } from './run-command.ts';

/** `npm run failures` and `npm run redrive` as a person runs them, against the deployed stack on this machine. */
let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud?.close());

const run = (command: string, ...args: string[]) => runCommand(cloud, command, ...args);

describe('npm run redrive', () => {
  it('first says how many it would redrive and what that costs, and does nothing', async () => {
    cloud.gateway.always({ submit: { status: 402 } });
    const [one, two] = [await upload(cloud, 'empty wallet.jpg'), await upload(cloud, 'also.jpg')];
    await upload(cloud, 'text.jpg', 'no picture');
    cloud.gateway.always({ submit: 'accept' });
    const paid = cloud.gateway.accepted;

    const { output, exitCode } = await run('redrive', '--error', 'InsufficientBalance', '--since', '1h');
    expect(output).toContain(`s3://${cloud.uploadsBucket}/empty wallet.jpg  failed in "Submit"`);
    expect(output).toMatch(/2 failed with InsufficientBalance .* Redriving submits 2 of them, for \$0\.036/);
    expect(output).toContain('Nothing was redriven. Add --go to do it.');
    expect(exitCode).toBe(0);
    expect([one.status, two.status]).toEqual(['FAILED', 'FAILED']);
    expect(cloud.gateway.accepted).toBe(paid);
  });

  it('with --go redrives those that failed with the error, and no others', async () => {
    const paid = cloud.gateway.accepted;
    const { output, exitCode } = await run('redrive', '--error', 'InsufficientBalance', '--go');
    await cloud.settled();
    expect(output).toContain('2 redriven.');
    expect(exitCode).toBe(0);
    expect(cloud.gateway.accepted).toBe(paid + 2);
    expect(cloud.s3.list(cloud.resultsBucket)).toEqual(['also.jpg.png', 'empty wallet.jpg.png', 'text.jpg.error.json']);
    expect((await run('redrive', '--error', 'InsufficientBalance')).output).toContain('0 failed with');
  });

  it('prices nothing for what has been paid for already', async () => {
    cloud.gateway.nextStatuses({ status: 403 });
    const execution = await upload(cloud, 'paid.jpg');
    expect(statesOf(execution).at(-1)).toBe('Check status');
    const { output } = await run('redrive', '--error', 'Forbidden', '--go');
    await cloud.settled();
    expect(output).toMatch(/1 failed with Forbidden .* Redriving submits 0 of them, for \$0\.000/);
    expect(execution.status).toBe('SUCCEEDED');
  });

  it('refuses what cannot help, by name', async () => {
    expect(await run('redrive', '--error', 'RemovalFailed')).toMatchObject({ exitCode: 1 });
    const { output, exitCode } = await run('redrive', '--error', 'OutOfMoney');
    expect(output).toMatch(/^--error must be a name of the table of errors/);
    expect(exitCode).toBe(1);
  });
});

describe('npm run failures', () => {
  it('lists what failed, why, and that the error file was written', async () => {
    const { output, exitCode } = await run('failures');
    expect(output).toMatch(
      /NotAnImage +s3:\/\/\S+\/text\.jpg\n {2}s3:.* is not an image.*\n {2}error file written; arn:/,
    );
    expect(output).toContain('1 failed since');
    expect(exitCode).toBe(0);
  });

  it('with --missing lists only those without an error file that should have one', async () => {
    expect((await run('failures', '--missing')).output).toMatch(/^0 failed without an error file/);

    cloud.s3.delete(cloud.resultsBucket, 'text.jpg.error.json');
    expect((await run('failures', '--missing')).output).toMatch(/text\.jpg\n.*\n {2}error file MISSING/);

    cloud.s3.put(cloud.uploadsBucket, 'text.jpg', CAT);
    await cloud.settled();
    expect((await run('failures', '--missing')).output).toMatch(/^0 failed without an error file/);
  });

  it('shows failures of image URLs without their query, and of inputs that name no image', async () => {
    const imageUrl = `${cloud.gateway.cdnUrl}/nothing.jpg?token=s3cr3t`;
    await execute(cloud, 'a-url', { imageUrl, resultKey: 'from-url' });
    await execute(cloud, 'nonsense', { picture: 'cat' });
    const { output } = await run('failures');
    expect(output).toMatch(new RegExp(`ImageNotFound +${cloud.gateway.cdnUrl}/nothing.jpg\n`));
    expect(output).toMatch(/InvalidInput +nonsense\n.*\n {2}error file not needed: the input names no image/);
    expect(output).not.toContain('s3cr3t');
  });
});

describe('the command in the output MoveDeadLettersCommand', () => {
  it('moves dead letters back to the queue, from where they are processed', async () => {
    const command = cloud.template.output('MoveDeadLettersCommand');
    const [, source, destination] = /--source-arn (\S+) --destination-arn (\S+)/.exec(command) ?? [];
    cloud.onAwsCall = (operation) =>
      operation.endsWith('StartExecution') ? Object.assign(new Error('down'), { status: 400 }) : undefined;
    cloud.s3.put(cloud.uploadsBucket, 'late.jpg', CAT);
    await cloud.settled();
    cloud.onAwsCall = undefined;
    expect(cloud.queues.get(source ?? '')?.bodies).toHaveLength(1);
    expect(cloud.s3.list(cloud.resultsBucket, 'late')).toEqual([]);

    const headers = { 'x-amz-target': 'AmazonSQS.StartMessageMoveTask' };
    const body = JSON.stringify({ SourceArn: source, DestinationArn: destination });
    expect((await fetch(cloud.awsUrl, { method: 'POST', headers, body })).status).toBe(200);
    await cloud.settled();
    expect(cloud.s3.list(cloud.resultsBucket, 'late')).toEqual(['late.jpg.png']);
  });
});

describe('--since', () => {
  it('takes a time, or how long ago', () => {
    const now = Date.parse('2026-11-22T12:00:00Z');
    expect(parseSince('2026-11-22T08:00Z', now).toISOString()).toBe('2026-11-22T08:00:00.000Z');
    expect(parseSince('90m', now).toISOString()).toBe('2026-11-22T10:30:00.000Z');
    expect(parseSince('3d', now).toISOString()).toBe('2026-11-19T12:00:00.000Z');
    expect(() => parseSince('yesterday', now)).toThrow('--since must be a time');
  });
});
