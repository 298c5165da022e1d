import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as cloudFormation from '@aws-sdk/client-cloudformation';
import * as sfn from '@aws-sdk/client-sfn';
import { App, CfnOutput } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { readSettings } from '../../infra/settings/context.ts';
import { CutoutStack } from '../../infra/stack.ts';

const FILE = join(import.meta.dirname, '../../examples/cli.sh');
const SCRIPT = readFileSync(FILE, 'utf8');

/** The services' own descriptions, by what the AWS CLI calls the service. */
const SERVICES: Record<string, object> = { cloudformation: cloudFormation, stepfunctions: sfn };
/** Options of the AWS CLI that are none of the operation's. */
const OWN_OPTIONS = ['Query', 'Output'];

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
    expect([...operations]).toEqual(['DescribeStacks', 'StartExecution', 'DescribeExecution']);
    for (const call of CALLS) {
      const { taken, answered } = fieldsOf(call);
      const options = call.options.filter((option) => !OWN_OPTIONS.includes(option));
      expect(taken.map(capitalized)).toEqual(expect.arrayContaining(options));
      // Of `Stacks[0].Outputs` the part before the dot.
      const [queried = ''] = call.query?.split('.') ?? [];
      expect(answered).toEqual(expect.arrayContaining(queried.match(/[A-Za-z]+/g) ?? []));
    }
  });

  it('finds the state machine by an output that the stack has', () => {
    const app = new App();
    const stack = new CutoutStack(app, 'Cutout', { settings: readSettings(app.node) });
    const [, output = ''] = /OutputKey=='(\w+)'/.exec(SCRIPT) ?? [];
    expect(stack.node.tryFindChild(output)).toBeInstanceOf(CfnOutput);
  });
});
