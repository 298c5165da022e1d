import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../local/cloud.ts';
import { PageServer } from '../../local/page/server.ts';
import { Shortening } from '../../local/page/shorten.ts';
import { commandsFor } from '../../local/ready-commands.ts';
import { startCloud } from '../pipeline-rig.ts';

const ROOT = join(import.meta.dirname, '../..');
let cloud: LocalCloud;
let page: PageServer;
let folder: string;
let commands: string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cutout-commands-'));
  cloud = await startCloud({ gateway: { durationMs: 0 } });
  page = await PageServer.start(cloud, { shortening: new Shortening(), port: 0 });
  commands = commandsFor(cloud, { pageUrl: page.url, key: 'cat.jpg' }).map(({ command }) => command);
});
afterAll(async () => {
  await page?.close();
  await cloud?.close();
  rmSync(folder, { recursive: true });
});

/** Runs a command in a shell, as a person would who has run the first one before. */
async function run(command: string): Promise<string> {
  const env = { PATH: process.env.PATH, HOME: folder };
  const { stdout } = await promisify(execFile)('bash', ['-euc', `${commands[0]}\n${command}`], { cwd: ROOT, env });
  return stdout;
}

describe('the commands that a local run prints', { timeout: 60_000 }, () => {
  it('are one for each command of the project', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const ofProject = Object.keys(scripts).filter((name) => scripts[name].includes(' commands/'));
    const printed = commands.flatMap((command) => /npm run ([\w-]+)/.exec(command)?.[1] ?? []);
    // It deploys a stack of its own.
    expect([...printed, 'integ'].sort()).toEqual(ofProject.sort());
  });

  it('ask the simulated gateway, with its key and its hosts', async () => {
    const [command] = commands.filter((each) => each.includes('remove-background'));
    expect(await run(`${command} --out ${folder}/out/`)).toMatch(/^✓ .*out\/cat\.jpg\.png /m);
    expect(readdirSync(join(folder, 'out'))).toEqual(['cat.jpg.png']);
  });

  it('find the stack', async () => {
    expect(await run('npm run failures')).toContain('0 failed since');
    expect(await run('npm run redrive -- --error GatewayUnreachable')).toContain('0 failed with GatewayUnreachable');
  });

  it('name a region for both versions of the AWS CLI, and the endpoint for those that read no variable', () => {
    expect(commands[0]).toMatch(/AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1/);
    for (const command of commands.filter((each) => each.startsWith('aws '))) {
      expect(command).toContain(`aws --endpoint-url ${cloud.awsUrl} `);
    }
  });
});
