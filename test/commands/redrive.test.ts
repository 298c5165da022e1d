import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../local/cloud.ts';
import { statesOf } from '../executions.ts';
import { startCloud, upload } from '../pipeline-rig.ts';
import { runCommand } from './run-command.ts';

/** `npm run redrive` as a person runs it, against the deployed stack on this machine. */
let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud?.close());

const run = (...args: string[]) => runCommand(cloud, 'redrive', ...args);

describe('npm run redrive', () => {
  it('first says how many it would redrive and what that costs, and does nothing', async () => {
    cloud.gateway.always({ submit: { status: 402 } });
    const [one, two] = [await upload(cloud, 'empty wallet.jpg'), await upload(cloud, 'also.jpg')];
    await upload(cloud, 'text.jpg', 'no picture');
    cloud.gateway.always({ submit: 'accept' });
    const paid = cloud.gateway.accepted;

    const { output, exitCode } = await run('--error', 'InsufficientBalance', '--since', '1h');
    expect(output).toContain(`s3://${cloud.uploadsBucket}/empty wallet.jpg  failed in "Submit"`);
    expect(output).toMatch(/2 failed with InsufficientBalance .* Redriving submits 2 of them, for \$0\.036/);
    expect(output).toContain('Nothing was redriven. Add --go to do it.');
    expect(exitCode).toBe(0);
    expect([one.status, two.status]).toEqual(['FAILED', 'FAILED']);
    expect(cloud.gateway.accepted).toBe(paid);
  });

  it('with --go redrives those that failed with the error, and no others', async () => {
    const paid = cloud.gateway.accepted;
    const { output, exitCode } = await run('--error', 'InsufficientBalance', '--go');
    await cloud.settled();
    expect(output).toContain('2 redriven.');
    expect(exitCode).toBe(0);
    expect(cloud.gateway.accepted).toBe(paid + 2);
    expect(cloud.s3.list(cloud.resultsBucket)).toEqual(['also.jpg.png', 'empty wallet.jpg.png', 'text.jpg.error.json']);
    expect((await run('--error', 'InsufficientBalance')).output).toContain('0 failed with');
  });

  it('prices nothing for what has been paid for already', async () => {
    cloud.gateway.nextStatuses({ status: 403 });
    const execution = await upload(cloud, 'paid.jpg');
    expect(statesOf(execution).at(-1)).toBe('Check status');
    const { output } = await run('--error', 'Forbidden', '--go');
    await cloud.settled();
    expect(output).toMatch(/1 failed with Forbidden .* Redriving submits 0 of them, for \$0\.000/);
    expect(execution.status).toBe('SUCCEEDED');
  });

  it('refuses what cannot help, by name', async () => {
    expect(await run('--error', 'RemovalFailed')).toMatchObject({ exitCode: 1 });
    const { output, exitCode } = await run('--error', 'OutOfMoney');
    expect(output).toMatch(/^--error must be a name of the table of errors/);
    expect(exitCode).toBe(1);
  });
});
