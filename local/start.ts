import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { LocalCloud } from './cloud.ts';
import { Printer } from './printer.ts';

/** A drawing on a plain background, and a photo. */
const SAMPLES = ['cat.jpg', 'coffee.jpg'].map((name) => join(import.meta.dirname, 'sample', name));
const OUT = 'out';

const usage = `Removes the background of images through the whole pipeline on this machine.

  npm start                        two sample images
  npm start -- a.jpg b.png         these images
  npm start -- --webhook           the gateway calls back instead of being asked for ever
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' }, webhook: { type: 'boolean', default: false } },
});
if (values.help) {
  console.log(usage);
} else {
  process.exitCode = await run(positionals.length > 0 ? positionals : SAMPLES);
}

/** Uploads the files, waits for their executions to end, and stores what was delivered. @returns the exit code */
async function run(files: string[]): Promise<number> {
  const missing = files.filter((file) => !statSync(file, { throwIfNoEntry: false })?.isFile());
  if (missing.length > 0) {
    console.error(`There is no file ${missing.join(', ')}`);
    return 1;
  }
  const printer = new Printer();
  const cloud = await LocalCloud.start({ settings: { webhook: values.webhook }, onHistory: printer.history });
  const stop = () => void cloud.close().then(() => process.exit(130));
  process.once('SIGINT', stop);
  try {
    console.log('The stack is up on this machine. A simulator stands in for the gateway: it is not RMBG 2.0,');
    console.log('but a much smaller model.\n');
    const sources = new Map(files.map((file, index) => [uniqueKey(files, index), file]));
    for (const [key, file] of sources) {
      printer.upload(file, cloud.uploadsBucket, key);
      cloud.s3.put(cloud.uploadsBucket, key, readFileSync(file));
    }
    await ended(cloud, sources.size);
    console.log();
    return [...sources].filter(([key, file]) => !collect(cloud, key, file)).length === 0 ? 0 : 1;
  } finally {
    process.off('SIGINT', stop);
    await cloud.close();
  }
}

/** Waits until each upload's execution has ended, and each failure has been reported. */
async function ended(cloud: LocalCloud, uploads: number): Promise<void> {
  while (cloud.stepFunctions.executions.length < uploads) await new Promise((resolve) => setTimeout(resolve, 20));
  await cloud.settled();
}

/** Stores what came of an upload and says so. @returns whether it was delivered */
function collect(cloud: LocalCloud, key: string, file: string): boolean {
  const source = `${relative('.', file)} (${size(statSync(file).size)})`;
  const errorFile = cloud.s3.get(cloud.resultsBucket, `${key}.error.json`);
  if (errorFile) {
    const { error, cause } = JSON.parse(errorFile.body.toString());
    console.error(`✗ ${source} → ${error}: ${cause}`);
    return false;
  }
  const execution = cloud.stepFunctions.executions.find(({ input }) => JSON.parse(input).key === key);
  const { requestId, results = [] }: { requestId?: string; results?: { key: string }[] } = JSON.parse(
    execution?.output ?? '{}',
  );
  for (const { key: resultKey } of results) {
    const result = cloud.s3.get(cloud.resultsBucket, resultKey);
    if (!result) continue;
    const path = join(OUT, resultKey);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, result.body);
    console.log(`✓ ${source} → ${relative('.', path)} (${size(result.body.length)}, ${result.contentType})`);
    console.log(`  s3://${cloud.resultsBucket}/${resultKey}`);
  }
  const note = cloud.gateway.noteOf(requestId);
  if (note !== undefined) console.log(`  ${note}`);
  if (results.length === 0) console.error(`✗ ${source} → nothing was delivered, and no error file says why`);
  return results.length > 0;
}

/** The file's name as key; files of the same name are told apart by a number. */
function uniqueKey(files: string[], index: number): string {
  const name = basename(files[index] ?? '');
  const before = files.slice(0, index).filter((file) => basename(file) === name).length;
  return before === 0 ? name : `${before + 1}/${name}`;
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
