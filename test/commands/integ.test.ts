import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { IntegCommand } from '../integ/command.ts';
import { Cdk } from '../integ/platforms/cdk.ts';
import { until } from '../until.ts';

let integ: IntegCommand;
beforeEach(() => {
  integ = new IntegCommand();
});

/** As the CDK CLI does, it ends when it is interrupted. */
const UNTIL_INTERRUPTED = "trap 'exit 130' INT; while :; do sleep 0.05; done";

/** What AWS answers, by action, where there is no stack, and never was. */
const ANSWERS: Record<string, string> = {
  GetCallerIdentity: '<Account>000000000000</Account><Arn>arn:aws:iam::000000000000:user/x</Arn>',
  ListStacks: '<StackSummaries></StackSummaries>',
};

/** An endpoint where there is no stack, as CloudFormation says it. */
async function emptyAws(): Promise<Record<string, string>> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const action = new URLSearchParams(Buffer.concat(chunks).toString()).get('Action') ?? '';
    const answer = ANSWERS[action];
    const error =
      '<Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id CutoutInteg does not exist</Message>';
    const result = `<${action}Response><${action}Result>${answer}</${action}Result></${action}Response>`;
    response.writeHead(answer === undefined ? 400 : 200, { 'content-type': 'text/xml' });
    response.end(answer === undefined ? `<ErrorResponse><Error>${error}</Error></ErrorResponse>` : result);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('npm run integ', { timeout: 120_000 }, () => {
  it('tells what it costs, and does nothing without --go', async () => {
    integ.cdkThat({});
    const { output, exitCode } = integ.start([]);
    expect(await exitCode).toBe(0);
    expect(output()).toMatch(/costs about \$\d+\.\d\d .*Nothing was deployed\. Add --go/s);
    expect(integ.calls).toEqual([]);
  });

  it('destroys what a deployment that fails has left, writes that to the report, and exits with 1', async () => {
    integ.cdkThat({ deploys: 'exit 7' });
    const { output, exitCode } = integ.start(['--go'], await emptyAws());
    expect(await exitCode).toBe(1);
    expect(integ.calls).toEqual([
      'deploy --require-approval never CutoutInteg --app node test/integ/app.ts --build=',
      'destroy --force CutoutInteg --app node test/integ/empty-app.ts --build=',
    ]);
    expect(output()).toContain('cdk deploy ended with exit code 7.');
    expect(integ.report).toMatchObject({ problem: 'cdk deploy ended with exit code 7.', outcomes: [] });
    expect(integ.page).toContain('## Not tried');
  });

  it('on Ctrl-C gives up the deployment and destroys', async () => {
    integ.cdkThat({ deploys: UNTIL_INTERRUPTED });
    const { child, exitCode } = integ.start(['--go'], await emptyAws());
    await until(() => integ.calls.length === 1 || undefined);
    child.kill('SIGINT');
    expect(await exitCode).toBe(1);
    expect(integ.commands).toEqual(['deploy', 'destroy']);
    expect(integ.report.problem).toContain('It was interrupted.');
  });

  it('takes SIGTERM and SIGHUP as Ctrl-C, and by a second one is given up, which says how to destroy later', async () => {
    const stop = join(integ.folder, 'stop');
    const destroys = `while :; do sleep 0.05; [ -e ${stop} ] && exit 0; done`;
    integ.cdkThat({ deploys: UNTIL_INTERRUPTED, destroys });
    const { child, output, exitCode } = integ.start(['--go'], await emptyAws());
    await until(() => integ.calls.length === 1 || undefined);
    child.kill('SIGTERM');
    await until(() => integ.calls.length === 2 || undefined);
    await until(() => output().includes('Once more gives up') || undefined);
    child.kill('SIGHUP');
    await until(() => output().includes('npm run integ -- --destroy') || undefined);
    // What destroys goes on.
    writeFileSync(stop, '');
    expect(await exitCode).toBe(130);
    expect(integ.commands).toEqual(['deploy', 'destroy']);
  });

  it('leaves the stack with --keep, and says how to destroy it', async () => {
    integ.cdkThat({ deploys: 'exit 1' });
    const { output, exitCode } = integ.start(['--go', '--keep'], await emptyAws());
    expect(await exitCode).toBe(1);
    expect(output()).toContain('The stack is left as it is. To destroy it: npm run integ -- --destroy');
    expect(integ.commands).toEqual(['deploy']);
  });

  it('has nothing to destroy with --destroy where there is no stack, and succeeds, by the CDK CLI itself', async () => {
    const homes = { HOME: integ.folder, CDK_HOME: integ.folder };
    const { output, exitCode } = integ.start(['--destroy'], { ...homes, ...(await emptyAws()) });
    expect(await exitCode, output()).toBe(0);
    expect(output()).toContain('CutoutInteg: destroyed');
  });

  it('says without credentials what is missing, and that nothing could be destroyed', async () => {
    integ.cdkThat({ deploys: 'exit 1' });
    const without = {
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
      AWS_EC2_METADATA_DISABLED: 'true',
      HOME: integ.folder,
    };
    const { output, exitCode } = integ.start(['--go'], without);
    expect(await exitCode).toBe(1);
    expect(output()).toContain('There are no usable AWS credentials');
    expect(integ.commands).toEqual(['deploy', 'destroy']);
  });

  it('refuses a part of a name that no case has', async () => {
    const { output, exitCode } = integ.start(['--go', '--only', 'nonsense']);
    expect(await exitCode).toBe(1);
    expect(output()).toContain('No case\'s name contains "nonsense".');
  });
});

describe('the CDK CLI', () => {
  it('is asked again to destroy what CloudFormation still changes, up to five times', async () => {
    integ.cdkThat({ destroys: `[ "$(wc -l < ${integ.folder}/calls)" -ge 3 ]` });
    const path = process.env.PATH;
    process.env.PATH = integ.path;
    onTestFinished(() => {
      process.env.PATH = path;
    });
    await new Cdk(1).destroy();
    expect(integ.calls).toHaveLength(3);
    integ.cdkThat({ destroys: 'exit 1' });
    await expect(new Cdk(1).destroy()).rejects.toThrow('Then: npm run integ -- --destroy');
    expect(integ.calls).toHaveLength(8);
  });
});
