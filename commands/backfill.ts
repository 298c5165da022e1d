import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  DescribeMapRunCommand,
  ListMapRunsCommand,
  type MapRunItemCounts,
  type SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { BackfillInput, BackfillReport } from '../functions/backfill/contract.ts';
import { whatFailed } from '../functions/results/failure.ts';
import { limitInWords } from './shared/daily-limit.ts';
import { findDeployment } from './shared/deployment.ts';
import { main } from './shared/main.ts';
import { Progress } from './shared/progress.ts';

const USAGE = `Removes the background of everything that is in the uploads bucket already and has no result.

  npm run backfill -- --dry-run                       counts the images and prices them; submits nothing (so without --go)
  npm run backfill -- --go                            submits them
  npm run backfill -- --prefix photos/ --go           those whose key begins with photos/
  npm run backfill -- --max-images 100                100 images at most
  npm run backfill -- --max-concurrency 20            20 images under way at once (1–1,000, default 50)
  npm run backfill -- --tolerated-failures 5          stops once more than 5 % have failed (0–100, default 10)
  npm run backfill -- --retry-failed                  also those that failed for good before, RemovalFailed for instance
  npm run backfill -- --execution ARN                 watches one that runs
  npm run backfill -- --stack Name                    of another stack than Cutout

Stopping a backfill stops the images that it submitted, too. The next one lets them go on, and pays for none again but
those that had been submitted anew.
`;

/** Between two looks, in milliseconds; an account may describe some 10 executions a second. */
const LOOK_MS = 1000;

await main(async () => {
  const { values } = parseArgs({
    options: {
      prefix: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      go: { type: 'boolean', default: false },
      'retry-failed': { type: 'boolean', default: false },
      execution: { type: 'string' },
      'max-images': { type: 'string' },
      'max-concurrency': { type: 'string' },
      'tolerated-failures': { type: 'string' },
      stack: { type: 'string', default: 'Cutout' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const number = (name: 'max-images' | 'max-concurrency' | 'tolerated-failures') => {
    const text = values[name];
    if (text !== undefined && !/^\d+(\.\d+)?$/.test(text)) throw new Error(`--${name} must be a number, not "${text}"`);
    return text === undefined ? undefined : Number(text);
  };
  if (values.go && values['dry-run']) throw new Error('Give either --go or --dry-run, not both.');
  const input: BackfillInput = {
    prefix: values.prefix,
    dryRun: !values.go,
    retryFailed: values['retry-failed'] || undefined,
    maxImages: number('max-images'),
    maxConcurrency: number('max-concurrency'),
    toleratedFailurePercentage: number('tolerated-failures'),
  };
  const deployment = await findDeployment(values.stack);
  const { sfn, outputs } = deployment;
  const arn = values.execution ?? (await start(sfn, outputs.required('BackfillStateMachineArn'), input));
  const goesOn =
    `The backfill goes on. To watch it: npm run backfill -- --execution ${arn}\n` +
    `To stop it, and the images that it submitted: aws stepfunctions stop-execution --execution-arn ${arn}`;
  process.once('SIGINT', () => {
    console.log(`\n${goesOn}`);
    process.exit(130);
  });
  let ended: DescribeExecutionCommandOutput;
  try {
    ended = await follow(sfn, arn);
  } catch (error) {
    console.error(goesOn);
    throw error;
  }
  conclude(ended);
  const isDryRun = !values.go && values.execution === undefined;
  const limit = isDryRun ? await limitInWords(deployment) : undefined;
  if (limit !== undefined) console.log(limit);
});

/** Under a name of its own, so that a request that is sent twice starts one backfill. @returns the execution's ARN */
async function start(sfn: SFNClient, stateMachineArn: string, backfill: BackfillInput): Promise<string> {
  const name = `backfill-${new Date().toISOString().replace(/\W/g, '-')}-${randomUUID().slice(0, 8)}`;
  const input = JSON.stringify(backfill);
  const { executionArn = '' } = await sfn.send(new StartExecutionCommand({ stateMachineArn, name, input }));
  console.log(`Started ${executionArn}\nwith the input ${input}`);
  return executionArn;
}

/** Shows how far an execution has come, until it has ended. */
async function follow(sfn: SFNClient, executionArn: string): Promise<DescribeExecutionCommandOutput> {
  const progress = new Progress();
  for (;;) {
    const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    const { mapRuns = [] } = await sfn.send(new ListMapRunsCommand({ executionArn }));
    const [newest] = mapRuns.sort((a, b) => Number(b.startDate) - Number(a.startDate));
    const { mapRunArn } = newest ?? {};
    if (mapRunArn !== undefined) {
      const { itemCounts } = await sfn.send(new DescribeMapRunCommand({ mapRunArn }));
      if (itemCounts) progress.show(inWords(mapRunArn, itemCounts));
    }
    if (execution.status !== 'RUNNING') {
      progress.end();
      return execution;
    }
    await sleep(LOOK_MS);
  }
}

function inWords(mapRunArn: string, { total = 0, succeeded = 0, failed = 0 }: Partial<MapRunItemCounts>): string {
  const what = mapRunArn.includes('/Remove:') ? 'images done' : 'objects looked at';
  return `${succeeded + failed} of ${total} ${what}${failed > 0 ? `, ${failed} failed` : ''}`;
}

function conclude(execution: DescribeExecutionCommandOutput): void {
  if (execution.status !== 'SUCCEEDED') {
    const { error, cause } = whatFailed(execution, undefined);
    const name = execution.error === 'TooManyFailures' ? execution.error : error;
    throw new Error(`The backfill failed with ${name}: ${name === error ? cause : execution.cause}`);
  }
  const { status, summary, report, skipped, imagesKey }: BackfillReport = JSON.parse(execution.output ?? '{}');
  console.log(summary);
  const reasons = Object.entries(skipped).map(([reason, count]) => `${count} ${reason}`);
  if (reasons.length > 0) console.log(`Skipped: ${reasons.join(', ')}.`);
  console.log(`Report: s3://${report.bucket}/${report.key}\nImages: s3://${report.bucket}/${imagesKey}`);
  if (status === 'DRY_RUN') console.log('Nothing was submitted. Add --go to do it.');
}
