import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { CfnGuardValidator } from '@cdklabs/cdk-validator-cfnguard';
import { App, CfnResource, Stack, Validations } from 'aws-cdk-lib';
import recommended from 'aws-cdk-lib/recommended-feature-flags.json' with { type: 'json' };
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { HardenedStack } from '../../examples/hardened.ts';
import { BackgroundRemoval, type BackgroundRemovalProps } from '../../infra/index.ts';
import { ACCOUNT, REGION } from '../../local/template.ts';
import type { Json, Resource } from '../infra/read-template.ts';
import { withOutdir } from '../infra/synth.ts';
import { policiesOf, refused } from '../permissions/policies.ts';
import { Requests } from '../permissions/requests.ts';
import { CAT } from '../pictures.ts';
import { startCloud } from '../pipeline-rig.ts';
import { bucketName } from './example-rig.ts';

/** The proactive controls of AWS Control Tower, asked by AWS's own validator, with the rules that come with it. */

const RULES = join(
  dirname(createRequire(import.meta.url).resolve('@cdklabs/cdk-validator-cfnguard/package.json')),
  'rules/control-tower/cfn-guard',
);
const VPC = 'vpc-0a1b2c3d';
const SUBNETS = ['subnet-0a1b2c3d', 'subnet-4e5f6a7b'];

/** What the CDK would find out about the account's network, and keep in cdk.context.json. */
const NETWORK = {
  [`vpc-provider:account=${ACCOUNT}:filter.vpc-id=${VPC}:region=${REGION}:returnAsymmetricSubnets=true`]: {
    vpcId: VPC,
    vpcCidrBlock: '10.0.0.0/16',
    availabilityZones: [],
    subnetGroups: [
      {
        name: 'Private',
        type: 'Private',
        subnets: SUBNETS.map((subnetId, index) => ({
          subnetId,
          availabilityZone: `${REGION}${'ab'[index]}`,
          routeTableId: `rtb-0a1b2c3${index}`,
          cidr: `10.0.${index}.0/24`,
        })),
      },
    ],
  },
};

function harden(app: App, removal: BackgroundRemovalProps): HardenedStack {
  const env = { account: ACCOUNT, region: REGION };
  return new HardenedStack(app, 'Hardened', { env, vpcId: VPC, accessLogsBucket: 'access-logs', removal });
}

/** Those of the rules that are about types of resources that an app has: the others skip it, and take most of the time. */
function rulesFor(app: App): string[] {
  const types = new Set(
    app.node.findAll().flatMap((each) => (CfnResource.isCfnResource(each) ? each.cfnResourceType : [])),
  );
  const names = readdirSync(RULES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.guard'));
  const files = names.map((name) => join(RULES, name));
  return files.filter((file) =>
    [...readFileSync(file, 'utf8').matchAll(/AWS::\w+::\w+/g)].some(([type]) => types.has(type)),
  );
}

interface Finding {
  plugin: string;
  description: string;
  /** Path of the construct. */
  path: string;
}

interface Report {
  pluginReports: {
    pluginName: string;
    violations: { description: string; violatingConstructs: { constructPath?: string }[] }[];
  }[];
}

interface Synthesized {
  findings: Finding[];
  /** Of the example. */
  resources: Record<string, Resource & { DependsOn?: string[] }>;
}

/** Synthesizes the construct as it is, and the example, both with webhook, and has them validated. */
function synthesize(): Synthesized {
  const print = vi.spyOn(console, 'error').mockImplementation(() => {});
  return withOutdir((outdir): Synthesized => {
    const app = new App({ outdir, context: { ...recommended, ...NETWORK } });
    new BackgroundRemoval(new Stack(app, 'Plain'), 'Cutouts', { webhook: {} });
    harden(app, { webhook: {} });
    const guard = new CfnGuardValidator({ controlTowerRulesEnabled: false, rules: rulesFor(app) });
    Validations.of(app).addPlugins(guard, new AwsSolutionsChecks(app), new ServerlessChecks(app));
    let thrown: unknown;
    try {
      app.synth();
    } catch (error) {
      thrown = error;
    }
    print.mockRestore();
    // As something is found.
    expect(thrown).toMatchObject({ name: 'ValidationFailed' });
    const read = (file: string) => JSON.parse(readFileSync(join(outdir, file), 'utf8'));
    const report: Report = read('validation-report.json');
    const findings = report.pluginReports.flatMap(({ pluginName: plugin, violations }) =>
      violations.flatMap(({ description, violatingConstructs }) =>
        violatingConstructs.map(({ constructPath: path = '' }) => ({ plugin, description, path })),
      ),
    );
    return { findings, resources: read('Hardened.template.json').Resources };
  });
}

/** The rows of the page's table: each control, and what the example does about it. */
function page(): { control: string; answer: string }[] {
  const text = readFileSync(join(import.meta.dirname, '../../docs/hardened.md'), 'utf8');
  return [...text.matchAll(/^\| (CT\.\S+) \|.*\| (.*) \|$/gm)].map(([, control = '', answer = '']) => ({
    control,
    answer,
  }));
}

let synthesized: Synthesized;
beforeAll(() => {
  synthesized = synthesize();
});

describe('AWS Control Tower’s proactive controls', () => {
  const GUARD = 'cdk-validator-cfnguard';
  /** What is of no known construct counts as found in the example. */
  const findingsIn = (stack: 'Plain' | 'Hardened') =>
    synthesized.findings.filter(
      ({ plugin, path }) => plugin === GUARD && path.startsWith('Plain/') === (stack === 'Plain'),
    );
  const controlsIn = (stack: 'Plain' | 'Hardened') =>
    [...new Set(findingsIn(stack).map(({ description }) => /\[(CT\..*?)\]/.exec(description)?.[1]))].sort();
  const controlsOf = (rows: ReturnType<typeof page>) => rows.map(({ control }) => control).sort();

  it('find in the construct as it is what docs/hardened.md lists', () => {
    expect(page()).toHaveLength(13);
    expect(controlsIn('Plain')).toEqual(controlsOf(page()));
  });

  it('find in the example what docs/hardened.md says is left', () => {
    const left = page().filter(({ answer }) => answer.startsWith('left with `webhook`: '));
    expect(left).toHaveLength(2);
    expect(controlsIn('Hardened')).toEqual(controlsOf(left));
  });

  it('find nothing in the example without webhook, which has no such function', () => {
    for (const { path } of findingsIn('Hardened')) expect(path).toMatch('Hardened/Cutouts/Webhook/OnCallback/');
  });

  it('are all that finds anything: cdk-nag, CloudFormation’s rules and the CDK itself do not', () => {
    expect(synthesized.findings.filter(({ plugin }) => plugin !== GUARD)).toEqual([]);
  });
});

describe('hardened.ts', () => {
  const ofType = (type: string) => Object.entries(synthesized.resources).filter(([, { Type }]) => Type === type);

  it('lets each function join the network before it is made', () => {
    const functions = ofType('AWS::Lambda::Function');
    expect(functions).toHaveLength(11);
    for (const [, { Properties, DependsOn = [] }] of functions) {
      expect(Properties.VpcConfig.SubnetIds).toEqual(SUBNETS);
      const policies = DependsOn.map((id) => synthesized.resources[id]).filter(
        (each) => each?.Type === 'AWS::IAM::Policy',
      );
      const [statements] = policies.map((each) => each?.Properties.PolicyDocument.Statement);
      expect(statements.flatMap(({ Action }: { Action: string | string[] }) => Action)).toContain(
        'ec2:CreateNetworkInterface',
      );
    }
  });

  it('lets CloudWatch use the key for the log groups and alarms of this account', () => {
    const [[keyId, key] = []] = ofType('AWS::KMS::Key');
    const encrypted = { 'Fn::GetAtt': [keyId, 'Arn'] };
    const logGroups = ofType('AWS::Logs::LogGroup');
    expect(logGroups).toHaveLength(13);
    for (const [, { Properties }] of logGroups) expect(Properties.KmsKeyId).toEqual(encrypted);
    const services = key?.Properties.KeyPolicy.Statement.filter(({ Principal }: { Principal: Json }) =>
      Object.hasOwn(Object(Principal), 'Service'),
    );
    expect(services).toMatchObject([
      {
        Principal: { Service: `logs.${REGION}.amazonaws.com` },
        Condition: {
          ArnLike: { 'kms:EncryptionContext:aws:logs:arn': `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:*` },
        },
      },
      {
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Condition: { StringEquals: { 'aws:SourceAccount': ACCOUNT } },
      },
    ]);
  });

  it('delivers, and IAM refuses nothing that this takes', async () => {
    const cloud = await startCloud({
      stackName: 'Hardened',
      app: (props) => {
        const app = new App({ ...props, context: { ...props.context, ...NETWORK } });
        const gatewayUrl = app.node.getContext('gatewayUrl');
        harden(app, { gatewayUrl, resultHosts: [app.node.getContext('resultHosts')] });
        return app;
      },
    });
    onTestFinished(() => cloud.close());
    const needed = new Requests(cloud, {});
    const requests = needed.ofStateMachines();
    cloud.onCall = (call) => requests.push(...needed.of(call));
    cloud.s3.put(bucketName(cloud, 'CutoutsUploads'), 'cat.jpg', CAT);
    await cloud.settled();
    expect(cloud.s3.list(bucketName(cloud, 'CutoutsResults'))).toEqual(['cat.jpg.png']);
    expect(requests.map(({ action }) => action)).toContain('kms:GenerateDataKey');
    expect(await refused(policiesOf(cloud.template, {}), requests)).toEqual([]);
  });
});
