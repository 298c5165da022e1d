import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { STACK_NAME } from '../stack-name.ts';

const ROOT = join(import.meta.dirname, '../../..');
const APP = 'node test/integ/app.ts';
const EMPTY_APP = 'node test/integ/empty-app.ts';
/** How often a deletion is tried: CloudFormation refuses one while it still changes the stack. */
const DESTROY_ATTEMPTS = 5;

/** The project's own CDK CLI, which npm puts first on the path. */
export class Cdk {
  /** Between two attempts to destroy, in milliseconds. */
  readonly #pauseMs: number;
  #deploying: ChildProcess | undefined;

  constructor(pauseMs = 60_000) {
    this.#pauseMs = pauseMs;
  }

  /** @throws Error if it is not deployed afterwards */
  async deploy(context: Readonly<Record<string, string>>): Promise<void> {
    const settings = Object.entries(context).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const deploying = this.#start(APP, 'deploy', '--require-approval', 'never', ...settings);
    this.#deploying = deploying;
    const exitCode = await endOf(deploying);
    this.#deploying = undefined;
    if (exitCode !== 0) throw new Error(`cdk deploy ended with exit code ${exitCode}.`);
  }

  /** Gives up a deployment that is under way. CloudFormation may go on with it. */
  stop(): void {
    const { pid } = this.#deploying ?? {};
    // With all that it has started, such as the app that it synthesizes.
    if (pid !== undefined) process.kill(-pid, 'SIGINT');
  }

  /** @throws Error that says how to try again */
  async destroy(): Promise<void> {
    for (let attempt = 1; attempt <= DESTROY_ATTEMPTS; attempt++) {
      if ((await endOf(this.#start(EMPTY_APP, 'destroy', '--force'))) === 0) return;
      if (attempt < DESTROY_ATTEMPTS) await sleep(this.#pauseMs);
    }
    throw new Error(
      `The stack ${STACK_NAME} could not be destroyed: see its events in CloudFormation. Then: npm run integ -- --destroy`,
    );
  }

  /** In a process group of its own: Ctrl-C is for the runner, which decides what becomes of the stack. */
  #start(app: string, ...args: string[]): ChildProcess {
    // Without the build of cdk.json: npm run integ begins with it.
    return spawn('cdk', [...args, STACK_NAME, '--app', app, '--build='], {
      cwd: ROOT,
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  }
}

function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
}
