import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import * as cloudFormation from '@aws-sdk/client-cloudformation';
import * as sfn from '@aws-sdk/client-sfn';
import { App, CfnOutput } from 'aws-cdk-lib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '../../infra/settings/context.ts';
import { CutoutStack } from '../../infra/stack.ts';
import { LOCAL_CREDENTIALS, type LocalCloud } from '../../local/cloud.ts';
import { REGION } from '../../local/template.ts';
import { CAT } from '../pictures.ts';
import { startCloud } from '../pipeline-rig.ts';
import { until } from '../until.ts';

const FILE = join(import.meta.dirname, '../../examples/cli.sh');
const SCRIPT = readFileSync(FILE, 'utf8');

const HAS_AWS_CLI = ['aws', 'jq'].every((command) => spawnSync(command, ['--version']).status === 0);

/** The services' own descriptions, by what the AWS CLI calls the service. */
const SERVICES: Record<string, object> = { cloudformation: cloudFormation, stepfunctions: sfn };
/** Options of the AWS CLI that are none of the operation's. */
const OWN_OPTIONS = ['Query', 'Output', 'NoPaginate'];

interface Call {
  service: string;
  operation: string;
  options: string[];
  query: string | undefined;
}

/** The calls of the AWS CLI; names are as the API has them. */
const CALLS: Call[] = [...SCRIPT.replaceAll('\\\n', ' ').matchAll(/\baws (\w+) ([\w-]+)( --.*)$/gm)].map(
  ([, service = '', operation = '', options = '']) => ({
    service,
    operation: apiName(operation),
    options: [...options.matchAll(/ --([\w-]+)/g)].map(([, option = '']) => apiName(option)),
    query: /--query ("[^"]*"|'[^']*'|\S+)/.exec(options)?.[1],
  }),
);

/** `start-execution` → `StartExecution` */
function apiName(name: string): string {
  return name.split('-').map(capitalized).join('');
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** The fields that an operation takes, and those that it answers. */
function fieldsOf({ service, operation }: Call): { taken: string[]; answered: string[] } {
  // [kind, namespace, name, traits, input, output], and of each of those two: [kind, namespace, name, traits, fields, …]
  const schema = (SERVICES[service] as Record<string, unknown[]>)[`${operation}$`];
  if (schema === undefined) throw new Error(`${service} has no operation ${operation}`);
  const [taken = [], answered = []] = schema.slice(4).map((of) => (of as () => string[][])()[4]);
  return { taken, answered };
}

describe('cli.sh', () => {
  it('is a script that bash can read', () => {
    expect(() => execFileSync('bash', ['-n', FILE])).not.toThrow();
  });

  it('calls operations of AWS with options that they take, for fields that they answer', () => {
    const operations = new Set(CALLS.map(({ operation }) => operation));
    expect([...operations]).toEqual([
      ...['DescribeStacks', 'StartExecution', 'GetExecutionHistory', 'DescribeExecution'],
    ]);
    for (const call of CALLS) {
      const { taken, answered } = fieldsOf(call);
      const options = call.options.filter((option) => !OWN_OPTIONS.includes(option));
      expect(taken.map(capitalized)).toEqual(expect.arrayContaining(options));
      // Of `Stacks[0].Outputs` the part before the dot, less functions and conditions.
      const [queried = ''] = call.query?.replace(/\w+(?=\()|\[\?[^\]]*\]/g, '').split('.') ?? [];
      expect(answered).toEqual(expect.arrayContaining(queried.match(/[A-Za-z]+/g) ?? []));
    }
  });

  it('reads fields of the events that the API has, which name the states and the failures', () => {
    const events = sfn.HistoryEvent$[4];
    const fields = ['id', 'stateEnteredEventDetails', 'taskFailedEventDetails'];
    expect(events).toEqual(expect.arrayContaining(fields));
    for (const field of fields) expect(SCRIPT).toContain(field);
  });

  describe.skipIf(!HAS_AWS_CLI)('run by the AWS CLI on this machine, if there is one,', { timeout: 60_000 }, () => {
    let cloud: LocalCloud;
    let photo: string;
    const shortSleep = mkdtempSync(join(tmpdir(), 'cutout-sleep-'));
    beforeAll(async () => {
      // Between two looks the script sleeps as long as suits AWS, by the first `sleep` of the path.
      writeFileSync(join(shortSleep, 'sleep'), '#!/bin/sh\nPATH=/bin:/usr/bin exec sleep 0.2\n', { mode: 0o755 });
      cloud = await startCloud({ gateway: { durationMs: 0 } });
      cloud.gateway.media.set('/cat.jpg', CAT);
      photo = `${cloud.gateway.cdnUrl}/cat.jpg`;
    });
    afterAll(async () => {
      rmSync(shortSleep, { recursive: true });
      await cloud?.close();
    });

    async function run(...args: string[]): Promise<{ stdout: string; stderr: string; code: number }> {
      const { accessKeyId, secretAccessKey } = LOCAL_CREDENTIALS;
      const env = {
        PATH: [shortSleep, process.env.PATH].join(delimiter),
        ...{ AWS_ENDPOINT_URL: cloud.awsUrl, AWS_DEFAULT_REGION: REGION, AWS_REGION: REGION },
        ...{ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
      };
      try {
        return { ...(await promisify(execFile)(FILE, args, { env })), code: 0 };
      } catch (error) {
        return error as { stdout: string; stderr: string; code: number };
      }
    }

    it('says which states there are, puts out the output, and pays once when it is run again', async () => {
      for (const beginning of ['started photos-cat-jpg-', 'photos-cat-jpg-\\d+ was started before']) {
        const { stdout, stderr, code } = await run(photo, 'photos/cat.jpg');
        expect(JSON.parse(stdout)).toMatchObject({ status: 'DELIVERED', results: [{ key: 'photos/cat.jpg.png' }] });
        expect(stderr).toMatch(new RegExp(`s {2}${beginning}`));
        expect(stderr.match(/→ .*/g)).toEqual(['→ Submit', '→ Wait', '→ Check status', '→ Finished?', '→ Deliver']);
        expect(code).toBe(0);
      }
      expect(cloud.gateway.accepted).toBe(1);
    });

    it('puts out the output also of an execution with more than 100 events', async () => {
      cloud.gateway.nextOutcomes('NEVER');
      const running = run(photo, 'photos/slow.jpg');
      const execution = await until(() =>
        cloud.stepFunctions.executions.find(({ input, history }) => input.includes('slow') && history.length > 100),
      );
      await cloud.gateway.finish(cloud.gateway.submissions.at(-1)?.requestId ?? '');
      await cloud.settled();
      const { stdout, stderr, code } = await running;
      expect(code, stderr).toBe(0);
      expect(stderr.match(/→ .*/g)?.at(-1)).toBe('→ Deliver');
      expect(JSON.parse(stdout)).toEqual(JSON.parse(execution.output ?? ''));
    });

    it('says why there is no cutout', async () => {
      const { stdout, stderr, code } = await run(`${photo}.not`, 'photos/not.jpg');
      expect(stdout).toBe('');
      expect(stderr).toMatch(/✗ ImageNotFound\n.* FAILED\nImageNotFound: http:\S+ is not there \(404\)\. Upload/);
      expect(code).toBe(1);
    });
  });

  it('finds the state machine by an output that the stack has', () => {
    const app = new App();
    const stack = new CutoutStack(app, 'Cutout', { settings: readSettings(app.node) });
    const [, output = ''] = /OutputKey=='(\w+)'/.exec(SCRIPT) ?? [];
    expect(stack.node.tryFindChild(output)).toBeInstanceOf(CfnOutput);
  });
});
