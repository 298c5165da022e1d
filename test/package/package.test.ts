import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
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
  await run(process.execPath, ['infra/parts/library.ts'], { cwd: ROOT });
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

interface Synthesis {
  resources: Resources;
  assembly: string;
  printed: string;
}

/** Runs the compiled app, and reads what it has synthesized. */
async function synthesize(): Promise<Synthesis> {
  const assembly = join(folder, 'cdk.out');
  // Tests of the template validate it; here it would take longer than all else.
  const env = { ...process.env, CDK_OUTDIR: assembly, CDK_VALIDATION: 'false' };
  const { stdout } = await run(process.execPath, ['app.mjs'], { cwd: folder, env });
  const template = JSON.parse(readFileSync(join(assembly, 'Shop.template.json'), 'utf8'));
  return { resources: template.Resources, assembly, printed: stdout.trim() };
}

/** A small app, with the package in the same file. */
async function bundle(format: 'cjs' | 'esm'): Promise<{ file: string; warnings: unknown[] }> {
  const contents = `
    import { App, Stack } from 'aws-cdk-lib';
    import { BackgroundRemoval } from 'cutout';
    const { stateMachine } = new BackgroundRemoval(new Stack(new App(), 'Shop'), 'Photos');
    console.log(stateMachine.node.path);
  `;
  const file = join(folder, 'bundled', format === 'esm' ? 'app.mjs' : 'app.cjs');
  // An ES module needs it for whatever is CommonJS, as the CDK's packages are.
  const require = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
  const { warnings } = await build({
    stdin: { contents, resolveDir: folder },
    outfile: file,
    bundle: true,
    platform: 'node',
    format,
    // The CDK reads files that lie beside its own.
    external: ['aws-cdk-lib', 'constructs'],
    banner: format === 'esm' ? { js: require } : {},
    logLevel: 'silent',
  });
  return { file, warnings };
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
    const library = readdirSync(join(packed, 'dist/library'), { recursive: true, encoding: 'utf8' });
    const files = library.filter((name) => /\.\w+$/.test(name) && !name.endsWith('.d.ts'));
    expect(files.sort()).toEqual(['index.cjs', 'types/package.json']);
  });
});

describe("a stranger's app", () => {
  let resources: Resources;
  let assembly: string;
  let printed: string;
  beforeAll(async () => {
    await compile();
    ({ resources, assembly, printed } = await synthesize());
  });

  it('gets the same classes by import and by require, so that instanceof holds across both', async () => {
    const script = `
      import * as imported from 'cutout';
      import { createRequire } from 'node:module';
      const required = createRequire(import.meta.url)('cutout');
      const names = Object.keys(required);
      console.log(names.filter((name) => imported[name] === required[name]).join());
    `;
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder });
    expect(stdout.trim()).toBe('BackgroundRemoval,ERRORS,RemoveBackground,SettingError');
  });

  it.each(['cjs', 'esm'] as const)('may be bundled by esbuild, without a warning, as %s', async (format) => {
    const { file, warnings } = await bundle(format);
    expect(warnings).toEqual([]);
    const env = { ...process.env, CDK_OUTDIR: join(folder, 'bundled', `${format}.out`) };
    const { stdout } = await run(process.execPath, [file], { cwd: tmpdir(), env });
    expect(stdout.trim()).toMatch(/^Shop\/Photos\/.*StateMachine$/);
  });

  it('is told which prop it has to change', () => {
    expect(printed).toMatch(/maxMegapixels/);
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
