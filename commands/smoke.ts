import { readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import type { DescribeExecutionOutput, HistoryEvent } from '@aws-sdk/client-sfn';
import type { StoredResult } from '../functions/contract.ts';
import { problemWithCallbacks } from './shared/callback-check.ts';
import { COMMON_OPTIONS, type Deployment, findDeployment } from './shared/deployment.ts';
import { parseDuration } from './shared/duration.ts';
import { follow, visitsIn } from './shared/history.ts';
import { main } from './shared/main.ts';
import { pauseInWords, pauseOf, resumeUploads } from './shared/pause.ts';
import { howItWasWoken, line, spent, usd, whyNoExecution, whyNot } from './shared/smoke-report.ts';
import { cleanUp, type Download, describe, download, findExecution, uploadSample } from './shared/smoke-test.ts';
import { parts, printLine, seconds, Timeline } from './shared/timeline.ts';

const SAMPLE = join(import.meta.dirname, '../local/sample/cat.jpg');
const USAGE = `Sends one image through the deployed stack, and says what happens to it. It is paid for like any other.

  npm run smoke                          a sample image
  npm run smoke -- photo.jpg             this image
  npm run smoke -- --stack Name          of another stack than Cutout
  npm run smoke -- --out folder          where the cutout is stored (default: out)
  npm run smoke -- --timeout 5m          how long to wait for the execution to begin (default: 4m)
  npm run smoke -- --keep                leaves the upload and its result in their buckets
`;

await main(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      stack: COMMON_OPTIONS.stack,
      help: COMMON_OPTIONS.help,
      out: { type: 'string', default: 'out' },
      timeout: { type: 'string', default: '4m' },
      keep: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const timeoutMs = parseDuration('--timeout', values.timeout);
  const [file = SAMPLE, ...others] = positionals;
  if (others.length > 0) throw new Error('The smoke test takes one image. For many, copy them to the uploads bucket.');
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) throw new Error(`There is no file ${file}.`);
  const deployment = await findDeployment(values.stack);

  await checkCallbacks(deployment);
  await endPause(deployment);
  console.log(`This submits one image to the gateway, for ${usd(1)}.\n`);
  const sample = await uploadSample(deployment, file, readFileSync(file));
  const uploadedAt = Date.now();
  printLine(0, `upload ${relative('.', file)} → s3://${sample.bucket}/${sample.key}`);

  const execution = await findExecution(deployment, sample, { uploadedAt, timeoutMs });
  if (execution === undefined) {
    const pause = await pauseOf(deployment);
    const why = pause ? `  – ${await pauseInWords(deployment, pause)}` : whyNoExecution(deployment, values.stack);
    throw new Error(
      `✗ No execution began within ${values.timeout} of the upload.\n${why}\n` +
        `The upload stays where it is: s3://${sample.bucket}/${sample.key}`,
    );
  }
  const arn = execution.executionArn ?? '';
  process.once('SIGINT', () => {
    console.error(`\nNo longer watched, but it goes on: ${arn}`);
    process.exit(130);
  });
  const events = await watch(deployment, execution, uploadedAt);
  const visits = visitsIn(events);
  const ended = (await describe(deployment, arn)) ?? execution;
  const results: StoredResult[] = JSON.parse(ended.output ?? '{}').results ?? [];
  console.log();
  if (results.length === 0) throw new Error(`${whyNot(deployment, values.stack, ended, visits)}\n${spent(visits)}`);

  const downloads: Download[] = [];
  for (const [index, result] of results.entries()) {
    const downloaded = await download(deployment, result, { file, out: values.out, index });
    console.log(line(file, downloaded));
    downloads.push(downloaded);
  }
  const untilStart = Math.max(0, (ended.startDate?.getTime() ?? uploadedAt) - uploadedAt);
  const total = Math.max(0, (ended.stopDate?.getTime() ?? uploadedAt) - uploadedAt);
  console.log(`Took ${seconds(total)}: ${parts(untilStart, visits)}.`);
  console.log(spent(visits));
  const woken = howItWasWoken(visits);
  if (woken !== undefined) console.log(woken);
  if (!values.keep) await cleanUp(deployment, [sample, ...downloads]);
});

/** Says why uploads are held back, if they are, and lets them go on: the sample shows whether the reason is gone. */
async function endPause(deployment: Deployment): Promise<void> {
  const pause = await pauseOf(deployment);
  if (pause) console.warn(`! ${await pauseInWords(deployment, pause)}`);
  if (await resumeUploads(deployment))
    console.warn('  Uploads go on: this image among them shows whether the reason is gone.\n');
}

/** In webhook mode, says whether callbacks can come. It is a warning only: without them, polling begins later. */
async function checkCallbacks({ outputs }: Deployment): Promise<void> {
  const url = outputs.optional('CallbackUrl');
  if (url === undefined) return;
  const problem = await problemWithCallbacks(url);
  if (problem === undefined) return console.log('The webhook endpoint answers as it should.');
  console.warn(`! The webhook endpoint does not work: ${problem}`);
  console.warn('  Callbacks will be missed, so each image waits for five minutes before the polling begins.');
}

async function watch(
  { sfn }: Deployment,
  execution: DescribeExecutionOutput,
  uploadedAt: number,
): Promise<HistoryEvent[]> {
  const timeline = new Timeline(execution, uploadedAt);
  const all: HistoryEvent[] = [];
  for await (const events of follow(sfn, execution.executionArn ?? '')) {
    timeline.print(events);
    all.push(...events);
  }
  return all;
}
