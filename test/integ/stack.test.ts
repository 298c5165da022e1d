import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createIntegApp } from './app.ts';
import { ITEMS } from './estimate.ts';
import { REMOVALS } from './places.ts';
import { IMAGES_PER_DAY, SHORT_TIMEOUT_SECONDS, STACK_NAME } from './stack-name.ts';

/** CloudFormation's limits. */
const MAX_RESOURCES = 500;
const MAX_TEMPLATE_BYTES = 1024 ** 2;

let outdir: string;
let template: Template;
let json: string;

beforeAll(() => {
  outdir = mkdtempSync(join(tmpdir(), 'cutout-integ-'));
  // Throws if cdk-nag or CloudFormation's rules find something that is not accepted with a reason.
  createIntegApp({ outdir }, { checked: true }).synth();
  json = readFileSync(join(outdir, `${STACK_NAME}.template.json`), 'utf8');
  template = Template.fromJSON(JSON.parse(json));
});
afterAll(() => rmSync(outdir, { recursive: true }));

describe('the stack of npm run integ', () => {
  it('is fit for one CloudFormation stack', () => {
    expect(Object.keys(template.toJSON().Resources).length).toBeLessThan(MAX_RESOURCES);
    expect(Buffer.byteLength(json)).toBeLessThan(MAX_TEMPLATE_BYTES);
  });

  it.each([
    ['alarms', 'AWS::CloudWatch::Alarm'],
    ['dashboards', 'AWS::CloudWatch::Dashboard'],
  ])('has as many %s as the estimate says', (word, type) => {
    const { what = '' } = ITEMS.find((item) => item.what.includes(word)) ?? {};
    expect(what).toContain(` ${Object.keys(template.findResources(type)).length} ${word}`);
  });

  it('pauses in its own removal alone, which has few images a day', () => {
    const functions = Object.values(template.findResources('AWS::Lambda::Function'));
    const having = (variable: string) =>
      functions.flatMap(({ Properties }) => Properties.Environment?.Variables[variable] ?? []);
    expect(having('IMAGES_PER_DAY')).toEqual([String(IMAGES_PER_DAY)]);
    // Submit, on-upload and keep-pause.
    expect(having('PAUSE_KEY')).toHaveLength(3);
  });

  it('puts out where each removal is, in a value that CloudFormation takes', () => {
    for (const name of REMOVALS) {
      const [output] = Object.values(template.findOutputs(`PlacesOf${name}`));
      // References become names and ARNs of up to some 150 characters each.
      expect(JSON.stringify(output).length).toBeLessThan(3_000);
    }
  });

  it('has one state machine whose executions time out soon, and five whose executions do not', () => {
    const limits = Object.values(template.findResources('AWS::StepFunctions::StateMachine'))
      .map(({ Properties }) => JSON.stringify(Properties.DefinitionString))
      .filter((definition) => definition.includes('Removes the background of one image'))
      .map((definition) => Number(/\\"TimeoutSeconds\\":(\d+),\\"Comment\\"/.exec(definition)?.[1]));
    expect(limits.filter((limit) => limit === SHORT_TIMEOUT_SECONDS)).toHaveLength(1);
    expect(limits.filter((limit) => limit > 86_400)).toHaveLength(5);
  });

  it('keeps, when it is destroyed, what a default deployment keeps, and nothing else', () => {
    const kept = Object.values(template.toJSON().Resources as Record<string, { Type: string; DeletionPolicy?: string }>)
      .filter(({ DeletionPolicy }) => DeletionPolicy === 'Retain')
      .map(({ Type }) => Type);
    expect(kept.sort()).toEqual(['AWS::S3::Bucket', 'AWS::S3::Bucket', 'AWS::SecretsManager::Secret']);
  });

  it('lets the gateway trust its own origin and bucket alone', () => {
    const hosts = Object.values(template.findResources('AWS::Lambda::Function')).flatMap(
      ({ Properties }) => Properties.Environment?.Variables.RESULT_HOSTS ?? [],
    );
    expect(hosts).toHaveLength(REMOVALS.length);
    for (const host of hosts)
      expect(JSON.stringify(host)).toMatch(/GatewayFunctionFunctionUrl.*https:\/\/.*GatewayState/);
  });

  it('names a queue for the other notifications of the existing bucket, and leaves EventBridge to the command', () => {
    const [bucket] = Object.values(template.findResources('AWS::S3::Bucket')).filter(({ Properties }) =>
      JSON.stringify(Properties.NotificationConfiguration ?? {}).includes('QueueConfigurations'),
    );
    expect(bucket?.Properties.NotificationConfiguration.EventBridgeConfiguration).toBeUndefined();
    // S3 refuses a queue that does not let it in.
    expect(bucket?.DependsOn).toContainEqual(expect.stringMatching(/^OtherNotificationsPolicy/));
  });
});
