import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BUNDLES } from '../infra/parts/paths.ts';

/** What each function is deployed with, as esbuild's metafiles say it. */

interface Metafile {
  inputs: Record<string, unknown>;
  outputs: Record<string, { entryPoint?: string; inputs: Record<string, { bytesInOutput: number }> }>;
}

const ROOT = join(import.meta.dirname, '..');
/** The bundles, by name. */
const NAMES = readdirSync(BUNDLES)
  .filter((file) => file.endsWith('.meta.json'))
  .map((file) => file.slice(0, -'.meta.json'.length))
  .sort();

function metafileOf(name: string): Metafile {
  return JSON.parse(readFileSync(join(BUNDLES, `${name}.meta.json`), 'utf8'));
}

/** Folders of the packages that a bundle has code of, relative to the project. */
function foldersIn(name: string): string[] {
  const { outputs } = metafileOf(name);
  const inputs = Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs));
  const folders = inputs
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .flatMap(([path]) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []);
  return [...new Set(folders)];
}

/** What the clients of the AWS SDK are made of: credentials, signatures, HTTP, checksums. It is not told apart below. */
const SDK = 'inside of the AWS SDK';
const SDK_PARTS =
  /^(@smithy\/.+|@aws\/lambda-invoke-store|@aws-sdk\/(core|checksums|nested-clients|token-providers|xml-builder|dynamodb-codec|endpoint-cache|(credential-provider|middleware|signature-v4)-.+))$/;

/** The packages in a bundle; of two copies of one, only the name. */
function packagesIn(name: string): string[] {
  const names = foldersIn(name).map((folder) => folder.replace(/.*node_modules\//, ''));
  return [...new Set(names.map((each) => (SDK_PARTS.test(each) ? SDK : each)))].sort();
}

/** In every function: what writes logs and metrics. */
const POWERTOOLS = ['commons', 'logger', 'metrics'].map((name) => `@aws-lambda-powertools/${name}`);
const BATCH = '@aws-lambda-powertools/batch';
const PARAMETERS = '@aws-lambda-powertools/parameters';
const LAMBDA = '@aws-sdk/client-lambda';
const S3 = '@aws-sdk/client-s3';
const SQS = '@aws-sdk/client-sqs';
const SFN = '@aws-sdk/client-sfn';
const SECRETS = '@aws-sdk/client-secrets-manager';
/** The client, and the cache that it finds endpoints with. */
const DYNAMODB = ['@aws-sdk/client-dynamodb', 'mnemonist', 'obliterator'];
/** Uploads of unknown length, in parts. */
const UPLOAD = '@aws-sdk/lib-storage';
/** What tells an image by its bytes, and what that is made of. */
const FILE_TYPE = [
  ...['@borewit/text-codec', '@tokenizer/inflate', 'debug', 'file-type', 'ieee754', 'ms', 'strtok3', 'token-types'],
  'uint8array-extras',
];
const VALIBOT = 'valibot';

const EXPECTED: Record<string, string[]> = {
  'check-status': [PARAMETERS, SECRETS, SDK, VALIBOT],
  deliver: [PARAMETERS, S3, UPLOAD, SECRETS, SDK, ...FILE_TYPE, VALIBOT],
  'keep-pause': [LAMBDA, S3, SFN, SDK],
  'on-callback': [SFN, ...DYNAMODB, SDK],
  'on-upload': [BATCH, S3, SFN, SQS, SDK, VALIBOT],
  'plan-backfill': [S3, UPLOAD, SDK, VALIBOT],
  // Powertools' own use of the SDK's store for what belongs to an invocation.
  'prepare-backfill': [S3, SFN, SQS, SDK, VALIBOT],
  'report-backfill': [S3, SDK, VALIBOT],
  'report-failure': [BATCH, S3, SFN, SDK, VALIBOT],
  'select-images': [S3, SDK, VALIBOT],
  // One bundle for both modes, with and without a daily limit: DynamoDB is used in webhook mode, or to count.
  submit: [
    PARAMETERS,
    S3,
    '@aws-sdk/s3-request-presigner',
    SECRETS,
    ...DYNAMODB,
    SDK,
    ...FILE_TYPE,
    'image-size',
    VALIBOT,
  ],
};

/** Licences that let a bundle be passed on if it names them. */
const LICENCES = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'MIT-0'];

describe('the bundle of each function', () => {
  it('is listed here', () => {
    expect(NAMES).toEqual(Object.keys(EXPECTED).sort());
  });

  it.each(Object.entries(EXPECTED))('%s holds the packages that it uses, and no others', (name, packages) => {
    expect(packagesIn(name)).toEqual([...POWERTOOLS, ...packages].sort());
  });

  it.each(NAMES)('%s imports no http, with which Node would load all of undici at each cold start', (name) => {
    const code = readFileSync(join(BUNDLES, name, `${name}.mjs`), 'utf8');
    expect(code.match(/(from|import\()"(node:)?http"/g)).toBeNull();
    expect(code.match(/\("node:http"\)/g)).toHaveLength(1);
  });

  it('is made of packages whose licences let it be passed on', () => {
    const folders = [...new Set(NAMES.flatMap(foldersIn))];
    const licences = folders.map((folder) => {
      const { name, license } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
      return { name, license };
    });
    expect(licences.length).toBeGreaterThan(20);
    expect(licences.filter(({ license }) => !LICENCES.includes(license))).toEqual([]);
  });

  it('is the same, byte by byte, if it is made in another folder', async () => {
    const name = 'on-upload';
    const folder = mkdtempSync(join(tmpdir(), 'cutout-elsewhere-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const script = 'infra/parts/bundle.ts';
    copy(folder, [script, 'infra/parts/paths.ts', ...Object.keys(metafileOf(name).inputs)]);
    for (const tool of ['esbuild', '@esbuild']) {
      symlinkSync(join(ROOT, 'node_modules', tool), join(folder, 'node_modules', tool), 'junction');
    }
    await promisify(execFile)(process.execPath, [script], { cwd: folder });
    for (const file of [`${name}.mjs`, `${name}.mjs.map`]) {
      const [here, there] = [BUNDLES, join(folder, 'dist/functions')].map((bundles) =>
        readFileSync(join(bundles, name, file)),
      );
      expect(there?.equals(here ?? Buffer.of())).toBe(true);
    }
  });
});

/** Copies files of the project, and the descriptions of the packages that they belong to. */
function copy(folder: string, files: string[]): void {
  const wanted = new Set(files);
  for (const file of files) {
    for (let parent = dirname(file); ; parent = dirname(parent)) {
      wanted.add(join(parent, 'package.json'));
      if (parent === '.') break;
    }
  }
  for (const file of wanted) {
    if (!existsSync(join(ROOT, file))) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(ROOT, file), join(folder, file));
  }
}
