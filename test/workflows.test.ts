import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

/** The workflows of GitHub Actions, which run elsewhere. */

const ROOT = join(import.meta.dirname, '..');
const FOLDER = join(ROOT, '.github/workflows');
const FILES = readdirSync(FOLDER);
const SCRIPTS: Record<string, string> = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts;

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}

interface Job {
  permissions?: Record<string, string>;
  'timeout-minutes'?: number;
  steps: Step[];
}

interface Workflow {
  on: Record<string, unknown>;
  permissions: Record<string, string>;
  concurrency: { group: string; 'cancel-in-progress': boolean | string };
  jobs: Record<string, Job>;
}

const textOf = (file: string) => readFileSync(join(FOLDER, file), 'utf8');
const workflowOf = (file: string): Workflow => parse(textOf(file));
const jobsOf = (file: string) => Object.values(workflowOf(file).jobs);
const stepsOf = (file: string) => jobsOf(file).flatMap(({ steps }) => steps);

describe.each(FILES)('%s', (file) => {
  it('pins every action by the digest of a commit, and says which version that is', () => {
    const used = stepsOf(file).flatMap(({ uses }) => uses ?? []);
    expect(used.length).toBeGreaterThan(0);
    const pinned = [...textOf(file).matchAll(/uses: (.*@[0-9a-f]{40}) # v\d+\.\d+\.\d+$/gm)].map(
      ([, action]) => action,
    );
    expect(pinned).toEqual(used);
  });

  it('may read the repository and, to get credentials of AWS when a person starts it, ask for a token', () => {
    const { on, permissions, jobs } = workflowOf(file);
    expect(permissions).toEqual({ contents: 'read' });
    for (const job of Object.values(jobs)) {
      if (job.permissions === undefined) continue;
      expect(job.permissions).toEqual({ contents: 'read', 'id-token': 'write' });
      expect(Object.keys(on)).toEqual(['workflow_dispatch']);
      expect(job.steps.map(({ uses = '' }) => uses.split('@')[0])).toContain('aws-actions/configure-aws-credentials');
    }
  });

  it('has no secret, and leaves no token for what it runs', () => {
    expect(textOf(file)).not.toMatch(/secrets\.|secrets:|github\.token/);
    const checkouts = stepsOf(file).filter(({ uses }) => uses?.startsWith('actions/checkout@'));
    expect(checkouts.map((step) => step.with?.['persist-credentials'])).toEqual(jobsOf(file).map(() => false));
  });

  it('runs only what there is: .ci/run, npm ci and npm scripts, with nothing from outside in the command', () => {
    const commands = stepsOf(file).flatMap(({ run }) => run ?? []);
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) {
      const [, script] = /^npm run ([\w-]+)( -- --[a-z]+)?$/.exec(command) ?? [];
      if (script !== undefined) expect(SCRIPTS).toHaveProperty([script]);
      else expect(['.ci/run', 'npm ci']).toContain(command);
    }
  });

  it('ends in time', () => {
    for (const job of jobsOf(file)) expect(job['timeout-minutes']).toEqual(expect.any(Number));
  });
});

it('the same version of an action is used everywhere', () => {
  const used = new Set(FILES.flatMap((file) => stepsOf(file)).flatMap(({ uses }) => uses ?? []));
  const actions = [...used].map((uses) => uses.split('@')[0]);
  expect(new Set(actions).size).toBe(actions.length);
});

it('CI runs .ci/run on every push to main and on every pull request', () => {
  expect(workflowOf('ci.yml').on).toEqual({ push: { branches: ['main'] }, pull_request: null });
  expect(stepsOf('ci.yml').map(({ run }) => run)).toContain('.ci/run');
  expect(() => accessSync(join(ROOT, '.ci/run'), constants.X_OK)).not.toThrow();
});

it('CI tests each push to main, and of a pull request only the newest', () => {
  // In one group, a new run takes the place of one that waits, whatever cancel-in-progress says.
  expect(workflowOf('ci.yml').concurrency).toEqual({
    group: `ci-\${{ github.event_name == 'pull_request' && github.ref || github.run_id }}`,
    'cancel-in-progress': `\${{ github.event_name == 'pull_request' }}`,
  });
});

it('integ runs once at a time, and to its end', () => {
  expect(workflowOf('integ.yml').concurrency).toEqual({ group: 'integ', 'cancel-in-progress': false });
});

it('integ is started by hand alone, and destroys its stack also if it is cancelled', () => {
  expect(Object.keys(workflowOf('integ.yml').on)).toEqual(['workflow_dispatch']);
  const [run, destroy] = stepsOf('integ.yml').filter((step) => step.run?.startsWith('npm run integ'));
  expect(run?.run).toBe('npm run integ -- --go');
  expect(destroy).toMatchObject({ run: 'npm run integ -- --destroy', if: `\${{ cancelled() || failure() }}` });
});
