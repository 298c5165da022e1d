import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);

const ROOT = join(import.meta.dirname, '../..');
const APP = join(import.meta.dirname, 'app');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
/** What a CDK app in TypeScript has installed anyway. */
const STRANGERS_OWN = ['aws-cdk-lib', 'constructs', '@types/node'];

interface Resource {
  Type: string;
  Properties?: Record<string, unknown>;
}
/** By logical id. */
type Resources = Record<string, Resource>;

/** A stranger's folder: the app beside a `node_modules` that holds the packed package, and only its peers besides. */
let folder: string;
let packed: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cutout-package-'));
  packed = join(folder, 'node_modules/cutout');
  mkdirSync(packed, { recursive: true });
  // The bundles have just been made for all tests.
  await run(process.execPath, [TSC, '-p', 'tsconfig.build.json'], { cwd: ROOT });
  const pack = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], { cwd: ROOT });
  const [{ filename }] = JSON.parse(pack.stdout);
  await run('tar', ['-xzf', join(folder, filename), '-C', packed, '--strip-components=1']);
  for (const name of STRANGERS_OWN) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), link, 'junction');
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Compiles the app, as an ES module and as CommonJS, against the types that are shipped. */
async function compile(): Promise<void> {
  cpSync(join(APP, 'tsconfig.json'), join(folder, 'tsconfig.json'));
  for (const extension of ['mts', 'cts']) cpSync(join(APP, 'app.ts'), join(folder, `app.${extension}`));
  await run(process.execPath, [TSC, '-p', folder]).catch(({ stdout }) => {
    throw new Error(`The app does not compile:\n${stdout}`);
  });
}

/** Runs the compiled app, and reads what it has synthesized. */
async function synthesize(): Promise<{ resources: Resources; assembly: string }> {
  const assembly = join(folder, 'cdk.out');
  await run(process.execPath, ['app.mjs'], { cwd: folder, env: { ...process.env, CDK_OUTDIR: assembly } });
  const template = JSON.parse(readFileSync(join(assembly, 'Shop.template.json'), 'utf8'));
  return { resources: template.Resources, assembly };
}

/** The resources of one removal: their logical ids begin with its id. */
function resourcesOf(id: string, resources: Resources): Resource[] {
  return Object.entries(resources).flatMap(([logicalId, resource]) => (logicalId.startsWith(id) ? [resource] : []));
}

interface FunctionProperties {
  Code: { S3Key: string };
  Handler: string;
  Environment: { Variables: Record<string, string> };
}

function functionsOf(id: string, resources: Resources): FunctionProperties[] {
  return resourcesOf(id, resources)
    .filter(({ Type }) => Type === 'AWS::Lambda::Function')
    .map(({ Properties }) => Properties as unknown as FunctionProperties);
}

describe('the packed package', () => {
  it('asks for nothing to be installed but the CDK', () => {
    const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(packed, 'package.json'), 'utf8'));
    expect(dependencies).toBeUndefined();
    expect(Object.keys(peerDependencies)).toEqual(['aws-cdk-lib', 'constructs']);
  });

  it('has no script that npm would run, or warn of, where it is installed', () => {
    const { scripts } = JSON.parse(readFileSync(join(packed, 'package.json'), 'utf8'));
    for (const event of ['preinstall', 'install', 'postinstall', 'prepare']) expect(scripts).not.toHaveProperty(event);
  });

  it('holds no sources, tests or tools of ours', () => {
    expect(readdirSync(packed).sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json']);
    expect(readdirSync(join(packed, 'dist')).sort()).toEqual(['functions', 'library']);
  });
});

describe("a stranger's app", () => {
  let resources: Resources;
  let assembly: string;
  beforeAll(async () => {
    await compile();
    ({ resources, assembly } = await synthesize());
  });

  it('may be CommonJS, too', async () => {
    const { stdout } = await run(process.execPath, ['-p', "Object.keys(require('cutout')).join()"], { cwd: folder });
    expect(stdout.trim()).toBe('BackgroundRemoval,ERRORS,RemoveBackground');
  });

  it('gets all of both its removals, of which one makes its buckets and has a webhook', () => {
    const count = (type: string) =>
      ['Products', 'Scanning'].map(
        (id) => resourcesOf(id, resources).filter(({ Type }) => Type === `AWS::${type}`).length,
      );
    for (const type of ['StepFunctions::StateMachine', 'Events::Rule', 'SQS::Queue', 'CloudWatch::Dashboard']) {
      const [products, scanning] = count(type);
      expect(scanning).toBeGreaterThan(0);
      expect(products).toBe(scanning);
    }
    expect(count('S3::Bucket')).toEqual([2, 0]);
    expect(count('Lambda::Url')).toEqual([1, 0]);
  });

  it('gets a state that starts one of them', () => {
    const [[, catalogue] = []] = Object.entries(resources).filter(
      ([id, { Type }]) => id.startsWith('Catalogue') && Type === 'AWS::StepFunctions::StateMachine',
    );
    const [[scanning] = []] = Object.entries(resources).filter(
      ([id, { Type }]) => id.startsWith('ScanningWorkflow') && Type === 'AWS::StepFunctions::StateMachine',
    );
    const definition = JSON.stringify(catalogue?.Properties?.DefinitionString);
    expect(definition).toContain(':states:::states:startExecution.sync:2');
    expect(definition).toContain(`{"Ref":"${scanning}"}`);
  });

  it('gets them under different names', () => {
    const names = Object.values(resources).flatMap(({ Type, Properties = {} }) =>
      Object.entries(Properties)
        .filter(
          ([property, value]) => property.endsWith('Name') && property !== 'MetricName' && typeof value === 'string',
        )
        .map(([, name]) => `${Type} ${name}`),
    );
    expect(names.length).toBeGreaterThan(0);
    expect(new Set(names).size).toBe(names.length);
  });

  it('gets metrics and logs that tell them apart', () => {
    const deployments = (id: string) =>
      new Set(functionsOf(id, resources).map(({ Environment }) => Environment.Variables.POWERTOOLS_SERVICE_NAME));
    const products = deployments('Products');
    const scanning = deployments('Scanning');
    expect([products.size, scanning.size]).toEqual([1, 1]);
    expect(products).not.toEqual(scanning);
  });

  it('gets the code of every function along', () => {
    const handlers = (id: string) => new Set(functionsOf(id, resources).map(({ Handler }) => Handler));
    expect(handlers('Products')).toEqual(handlers('Scanning').add('on-callback.handler'));
    const files = [...functionsOf('Products', resources), ...functionsOf('Scanning', resources)].map(
      ({ Code, Handler }) =>
        join(assembly, `asset.${Code.S3Key.replace('.zip', '')}`, Handler.replace('.handler', '.mjs')),
    );
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
  });
});
