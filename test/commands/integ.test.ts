import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { LOCAL_CREDENTIALS, LocalCloud } from '../../local/cloud.ts';
import { Cdk } from '../integ/platforms/cdk.ts';
import { LocalPlatform } from '../integ/platforms/local.ts';
import { until } from '../until.ts';

/** npm run integ as a person runs it, with a CDK CLI on the path that only notes how it is called. */
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutout-integ-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Makes the CDK CLI: what it does when it is to deploy, and to destroy, as lines of a shell script. */
function cdkThat({ deploys = 'exit 0', destroys = 'exit 0' }): void {
  const script = `#!/bin/sh\necho "$@" >> ${folder}/calls\ncase "$1" in\ndeploy) ${deploys} ;;\ndestroy) ${destroys} ;;\nesac\n`;
  writeFileSync(join(folder, 'cdk'), script);
  chmodSync(join(folder, 'cdk'), 0o755);
}

/** How the CDK CLI was called, a line each. */
function calls(): string[] {
  const file = join(folder, 'calls');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

const commandsOf = (lines: string[]) => lines.map((line) => line.split(' ')[0]);

interface Running {
  child: ChildProcess;
  output: () => string;
  exitCode: Promise<number | null>;
}

function integ(args: string[], environment: Record<string, string>): Running {
  const env = {
    PATH: `${folder}${delimiter}${process.env.PATH}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'x',
    AWS_SECRET_ACCESS_KEY: 'x',
    ...environment,
  };
  const script = join(import.meta.dirname, '../../commands/integ.ts');
  const child = spawn(process.execPath, [script, '--out', folder, ...args], { env });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  return { child, output: () => text, exitCode: new Promise((resolve) => child.on('close', resolve)) };
}

/** An endpoint where there is no stack, as CloudFormation says it. */
async function emptyAws(): Promise<Record<string, string>> {
  const server = createServer((_, response) => {
    const error = '<Type>Sender</Type><Code>ValidationError</Code><Message>Stack CutoutInteg does not exist</Message>';
    response
      .writeHead(400, { 'content-type': 'text/xml' })
      .end(`<ErrorResponse><Error>${error}</Error></ErrorResponse>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const reportIn = () => JSON.parse(readFileSync(join(folder, 'integ-report.json'), 'utf8'));

describe('npm run integ', { timeout: 120_000 }, () => {
  it('tells what it costs, and does nothing without --go', async () => {
    cdkThat({});
    const { output, exitCode } = integ([], {});
    expect(await exitCode).toBe(0);
    expect(output()).toMatch(/costs about \$\d+\.\d\d .*Nothing was deployed\. Add --go/s);
    expect(calls()).toEqual([]);
  });

  it('destroys what a deployment that fails has left, writes that to the report, and exits with 1', async () => {
    cdkThat({ deploys: 'exit 7' });
    const { output, exitCode } = integ(['--go'], await emptyAws());
    expect(await exitCode).toBe(1);
    expect(calls()).toEqual([
      'deploy --require-approval never CutoutInteg --app node test/integ/app.ts',
      'destroy --force CutoutInteg --app node test/integ/app.ts',
    ]);
    expect(output()).toContain('cdk deploy ended with exit code 7.');
    expect(reportIn()).toMatchObject({ problem: 'cdk deploy ended with exit code 7.', outcomes: [] });
    expect(readFileSync(join(folder, 'integ-report.md'), 'utf8')).toContain('## Not tried');
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('on %s gives up the deployment and destroys', async (signal) => {
    // As the CDK CLI does, it ends when it is interrupted.
    cdkThat({ deploys: "trap 'exit 130' INT; while :; do sleep 0.05; done" });
    const { child, exitCode } = integ(['--go'], await emptyAws());
    await until(() => calls().length === 1 || undefined);
    child.kill(signal);
    expect(await exitCode).toBe(1);
    expect(commandsOf(calls())).toEqual(['deploy', 'destroy']);
    expect(reportIn().problem).toContain('It was interrupted.');
  });

  it('is given up by a second Ctrl-C, which says how to destroy later', async () => {
    cdkThat({ destroys: 'while :; do sleep 0.05; [ -e stop ] && exit 0; done'.replace('stop', join(folder, 'stop')) });
    const { child, output, exitCode } = integ(['--destroy'], await emptyAws());
    await until(() => calls().length === 1 || undefined);
    child.kill('SIGINT');
    await until(() => output().includes('Once more gives up') || undefined);
    child.kill('SIGINT');
    await until(() => output().includes('npm run integ -- --destroy') || undefined);
    // What destroys goes on.
    writeFileSync(join(folder, 'stop'), '');
    expect(await exitCode).toBe(130);
    expect(commandsOf(calls())).toEqual(['destroy']);
  });

  it('leaves the stack with --keep, and destroys it with --destroy', async () => {
    cdkThat({ deploys: 'exit 1' });
    const kept = integ(['--go', '--keep'], await emptyAws());
    expect(await kept.exitCode).toBe(1);
    expect(kept.output()).toContain('The stack is left as it is. To destroy it: npm run integ -- --destroy');
    expect(commandsOf(calls())).toEqual(['deploy']);
    const destroyed = integ(['--destroy'], await emptyAws());
    expect(await destroyed.exitCode).toBe(0);
    expect(commandsOf(calls())).toEqual(['deploy', 'destroy']);
  });

  it('says without credentials what is missing, and that nothing could be destroyed', async () => {
    cdkThat({ deploys: 'exit 1' });
    const without = {
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
      AWS_EC2_METADATA_DISABLED: 'true',
      HOME: folder,
    };
    const { output, exitCode } = integ(['--go'], without);
    expect(await exitCode).toBe(1);
    expect(output()).toContain('There are no usable AWS credentials');
    expect(commandsOf(calls())).toEqual(['deploy', 'destroy']);
  });

  it('refuses a part of a name that no case has', async () => {
    const { output, exitCode } = integ(['--go', '--only', 'nonsense'], {});
    expect(await exitCode).toBe(1);
    expect(output()).toContain('No case\'s name contains "nonsense".');
  });
});

describe('npm run integ at an AWS-compatible endpoint', { timeout: 300_000 }, () => {
  it('has nothing to destroy where there is no stack, and succeeds, by the CDK CLI itself', async () => {
    const cloud = await LocalCloud.start();
    onTestFinished(() => cloud.close());
    const { accessKeyId, secretAccessKey } = LOCAL_CREDENTIALS;
    const { output, exitCode } = integ(['--destroy'], {
      ...{ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, HOME: folder },
      ...{ AWS_ENDPOINT_URL: cloud.awsUrl, AWS_ENDPOINT_URL_S3: cloud.s3.url },
    });
    expect(await exitCode, output()).toBe(0);
    expect(output()).toContain('CutoutInteg: destroyed');
  });

  it('uses the stack that the CDK CLI deploys there, and reports what it could not look at', async () => {
    // The CDK CLI finds the stack deployed, as at a second run over one that was left.
    cdkThat({});
    const platform = new LocalPlatform();
    await platform.deploy();
    onTestFinished(async () => void (await platform.destroy()));
    // One that names a queue, whose URL is AWS's and not the endpoint's.
    const { output, exitCode } = integ(['--go', '--keep', '--only', 'An event that comes twice'], platform.environment);
    expect(await exitCode, output()).toBe(0);
    expect(output()).toMatch(/^✓ +\d+\.\d s {2}An event that comes twice is paid once$/m);
    const { outcomes, notTried, denials, unseen } = reportIn();
    expect([outcomes.length, notTried, denials]).toEqual([1, [], []]);
    expect(unseen.join()).toContain('function logs: ');
    expect(commandsOf(calls())).toEqual(['deploy']);
  });
});

describe('the CDK CLI', () => {
  it('is asked again to destroy what CloudFormation still changes, up to five times', async () => {
    cdkThat({ destroys: `[ "$(wc -l < ${folder}/calls)" -ge 3 ]` });
    const path = process.env.PATH;
    process.env.PATH = `${folder}${delimiter}${path}`;
    onTestFinished(() => {
      process.env.PATH = path;
    });
    await new Cdk(1).destroy();
    expect(calls()).toHaveLength(3);
    cdkThat({ destroys: 'exit 1' });
    await expect(new Cdk(1).destroy()).rejects.toThrow('Then: npm run integ -- --destroy');
    expect(calls()).toHaveLength(8);
  });
});
