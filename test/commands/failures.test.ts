import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../local/cloud.ts';
import { CAT } from '../pictures.ts';
import { execute, startCloud, upload } from '../pipeline-rig.ts';
import { runCommand } from './run-command.ts';

/** `npm run failures` as a person runs it, against the deployed stack on this machine. */
let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startCloud();
  await upload(cloud, 'text.jpg', 'no picture');
});
afterAll(() => cloud?.close());

const run = (...args: string[]) => runCommand(cloud, 'failures', ...args);

describe('npm run failures', () => {
  it('lists what failed, why, and that the error file was written', async () => {
    const { output, exitCode } = await run();
    expect(output).toMatch(
      /NotAnImage +s3:\/\/\S+\/text\.jpg\n {2}s3:.* is not an image.*\n {2}error file written; arn:/,
    );
    expect(output).toContain('1 failed since');
    expect(exitCode).toBe(0);
  });

  it('with --missing lists only those without an error file that should have one', async () => {
    expect((await run('--missing')).output).toMatch(/^0 failed without an error file/);

    cloud.s3.delete(cloud.resultsBucket, 'text.jpg.error.json');
    expect((await run('--missing')).output).toMatch(/text\.jpg\n.*\n {2}error file MISSING/);

    cloud.s3.put(cloud.uploadsBucket, 'text.jpg', CAT);
    await cloud.settled();
    expect((await run('--missing')).output).toMatch(/^0 failed without an error file/);
  });

  it('shows failures of image URLs without their query, and of inputs that name no image', async () => {
    const imageUrl = `${cloud.gateway.cdnUrl}/nothing.jpg?token=s3cr3t`;
    await execute(cloud, 'a-url', { imageUrl, resultKey: 'from-url' });
    await execute(cloud, 'nonsense', { picture: 'cat' });
    const { output } = await run();
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
