import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { onTestFinished } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../../commands/integ.ts');

/** A run of the command, under way. */
export interface Running {
  child: ChildProcess;
  output: () => string;
  exitCode: Promise<number | null>;
}

/** npm run integ as a person runs it, in a test, with a CDK CLI on the path that only notes how it is called. */
export class IntegCommand {
  /** Of this test alone: where the CDK CLI lies, and the report. */
  readonly folder = mkdtempSync(join(tmpdir(), 'cutout-integ-'));

  constructor() {
    onTestFinished(() => rmSync(this.folder, { recursive: true }));
  }

  /** Makes the CDK CLI: what it does when it is to deploy, and to destroy, as lines of a shell script. */
  cdkThat({ deploys = 'exit 0', destroys = 'exit 0' }): void {
    const cases = `case "$1" in\ndeploy) ${deploys} ;;\ndestroy) ${destroys} ;;\nesac`;
    const file = join(this.folder, 'cdk');
    writeFileSync(file, `#!/bin/sh\necho "$@" >> ${this.folder}/calls\n${cases}\n`);
    chmodSync(file, 0o755);
  }

  /** The path with that CDK CLI first. */
  get path(): string {
    return `${this.folder}${delimiter}${process.env.PATH}`;
  }

  /** How the CDK CLI was called, a line each. */
  get calls(): string[] {
    const file = join(this.folder, 'calls');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  /** Which of its commands were called. */
  get commands(): (string | undefined)[] {
    return this.calls.map((line) => line.split(' ')[0]);
  }

  start(args: string[], environment: Readonly<Record<string, string>> = {}): Running {
    const aws = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' };
    const env = { PATH: this.path, ...aws, ...environment };
    const child = spawn(process.execPath, [SCRIPT, '--out', this.folder, ...args], { env });
    onTestFinished(() => void child.kill('SIGKILL'));
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
    return { child, output: () => text, exitCode: new Promise((resolve) => child.on('close', resolve)) };
  }

  /** The report as JSON. */
  get report() {
    return JSON.parse(readFileSync(join(this.folder, 'integ-report.json'), 'utf8'));
  }

  /** The report as a page. */
  get page(): string {
    return readFileSync(join(this.folder, 'integ-report.md'), 'utf8');
  }
}
