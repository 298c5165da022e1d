import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type BuildOptions, build } from 'esbuild';
import { LAMBDA_CODE } from '../infra/parts/bundle.ts';
import { BUNDLES } from '../infra/parts/paths.ts';
import { REGION, synthesize } from '../local/template.ts';
import type { Size } from './size.ts';
import { median } from './statistics.ts';
import { printGoal, printTable } from './table.ts';

const ROOT = join(import.meta.dirname, '..');
const PROCESSES = { small: 1, full: 15 };
/** How many times as long as an empty handler with one SDK client a function may take. */
const LIMIT = 3;

/** What comes of no thought: the SDK's CommonJS, which is bundled whole, not minified, and without source maps. */
const NAIVE: BuildOptions = { ...LAMBDA_CODE, minify: false, mainFields: ['main'] };

const EMPTY = 'export const handler = async () => undefined;';
const ONE_CLIENT = `
  import { S3Client } from '@aws-sdk/client-s3';
  const s3 = new S3Client({});
  export const handler = async () => s3.config.region();
`;

interface Subject {
  name: string;
  file: string;
  environment: Record<string, string>;
}

/** How long a module takes to load, on the clock and of all cores; the latter hardly depends on what else runs. */
interface Load {
  ms: number;
  cpuMs: number;
}

/** Size of each function's bundle, and how long it takes to load in a process of its own. */
export async function run(size: Size): Promise<void> {
  // Beside the bundles, so that what is imported is found.
  const folder = mkdtempSync(join(ROOT, 'dist/bench-'));
  try {
    const empty = await built('empty', { contents: EMPTY, resolveDir: ROOT }, LAMBDA_CODE, folder);
    const oneClient = await built('one-client', { contents: ONE_CLIENT, resolveDir: ROOT }, LAMBDA_CODE, folder);
    const functions = deployedFunctions().filter(({ name }) => size === 'full' || name === 'submit');
    const naive = await Promise.all(
      functions.map(async ({ name, environment }) => {
        const contents = `export * from './functions/${name}.ts';`;
        const { file } = await built(`${name}-naive`, { contents, resolveDir: ROOT }, NAIVE, folder);
        return { name, file, environment };
      }),
    );
    const withoutMaps = functions.map(({ environment: { NODE_OPTIONS: _, ...environment }, ...each }) => ({
      ...each,
      environment,
    }));
    const subjects = [empty, oneClient, ...functions, ...withoutMaps, ...naive];
    const times = await timesOf(subjects, PROCESSES[size]);
    const of = (subject: Subject, what: keyof Load) => median((times.get(subject) ?? []).map((each) => each[what]));
    const limit = of(oneClient, 'ms');
    const milliseconds = (subject: Subject | undefined) =>
      subject ? [of(subject, 'ms').toFixed(0), of(subject, 'cpuMs').toFixed(0)] : [];
    const row = (name: string, subject: Subject) => [
      ...[name, kilobytes(subject.file), ...milliseconds(subject), (of(subject, 'ms') / limit).toFixed(1)],
    ];
    printTable(
      `Initialisation on Node ${process.versions.node}, median of ${PROCESSES[size]} processes each (measured on this machine, not on Lambda)`,
      [
        ...['Function', 'kB', 'ms', 'CPU ms', 'Times one client', 'Without source maps: ms', 'CPU ms'],
        ...['Naive: kB', 'ms', 'CPU ms'],
      ],
      [
        [...row('an empty handler', empty), '', '', '', '', ''],
        [...row('an empty handler with one SDK client', oneClient), '', '', '', '', ''],
        ...functions.map((subject, n) => [
          ...[...row(subject.name, subject), ...milliseconds(withoutMaps[n])],
          ...(naive[n] ? [kilobytes(naive[n].file), ...milliseconds(naive[n])] : []),
        ]),
      ],
    );
    printGoal(
      `no function's initialisation takes over ${LIMIT} times that of an empty handler with one SDK client`,
      functions.filter((each) => of(each, 'ms') > LIMIT * limit).map(({ name }) => name),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The functions of the template with the webhook, which are all there are, with the environments it gives them. */
function deployedFunctions(): Subject[] {
  const template = synthesize({ webhook: true });
  for (const { logicalId } of template.resources('AWS::Lambda::Url'))
    template.functionUrls.set(logicalId, 'https://callback.lambda-url.us-east-1.on.aws/');
  return template.resources('AWS::Lambda::Function').map(({ properties }) => {
    const name = String(properties.Handler).split('.')[0] ?? '';
    return { name, file: join(BUNDLES, name, `${name}.mjs`), environment: properties.Environment.Variables };
  });
}

async function built(
  name: string,
  stdin: { contents: string; resolveDir: string },
  options: BuildOptions,
  folder: string,
): Promise<Subject> {
  const file = join(folder, `${name}.mjs`);
  await build({ ...options, stdin: { ...stdin, loader: 'ts' }, outfile: file });
  return { name, file, environment: {} };
}

/** What each takes to load. In turns, so that what else the machine does falls on all alike. */
async function timesOf(subjects: Subject[], count: number): Promise<Map<Subject, Load[]>> {
  const times = new Map<Subject, Load[]>(subjects.map((subject) => [subject, []]));
  for (let n = 0; n < count; n++) {
    for (const subject of subjects) times.get(subject)?.push(await timeOf(subject));
  }
  return times;
}

async function timeOf({ file, environment }: Subject): Promise<Load> {
  const script = `
    const [before, cpu] = [performance.now(), process.cpuUsage()];
    await import(${JSON.stringify(file)});
    const { user, system } = process.cpuUsage(cpu);
    process.stderr.write('ms=' + (performance.now() - before) + ' cpu=' + (user + system) / 1000);
  `;
  const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    env: { AWS_REGION: REGION, AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret', ...environment },
  });
  const [, ms, cpuMs] = /ms=([\d.]+) cpu=([\d.]+)$/.exec(stderr) ?? [];
  if (ms === undefined) throw new Error(`${file} said: ${stderr}`);
  return { ms: Number(ms), cpuMs: Number(cpuMs) };
}

function kilobytes(file: string): string {
  return (statSync(file).size / 1000).toFixed(0);
}
