import { parseArgs } from 'node:util';
import { COMMON_OPTIONS, findDeployment, parseSince, stackOption } from './shared/deployment.ts';
import { errorFileOf, failedExecutions, nameOf } from './shared/executions.ts';
import { main } from './shared/main.ts';
import { pauseInWords, pauseOf } from './shared/pause.ts';

const USAGE = `Says whether uploads are held back, and lists the images that failed and whether their error files were written.

  npm run failures                                  those of the last 24 hours
  npm run failures -- --since 2026-11-22T08:00Z     since then (or 90m, 12h, 3d ago)
  npm run failures -- --missing                     only those whose error file is missing
  npm run failures -- --stack Name                  of another stack than Cutout
`;

await main(async () => {
  const { values } = parseArgs({ options: { ...COMMON_OPTIONS, missing: { type: 'boolean', default: false } } });
  if (values.help) return console.log(USAGE);
  const since = parseSince(values.since);
  const deployment = await findDeployment(values.stack);
  const pause = await pauseOf(deployment);
  if (pause) {
    const stack = stackOption(values.stack);
    console.log(await pauseInWords(deployment, pause));
    console.log(`To let them go on: npm run resume${stack && ` --${stack}`}\n`);
  }
  let count = 0;
  for await (const failed of failedExecutions(deployment, since)) {
    const errorFile = await errorFileOf(deployment, failed);
    if (values.missing && errorFile !== 'MISSING') continue;
    count++;
    console.log(`${failed.stoppedAt.toISOString()}  ${failed.error.padEnd(20)} ${nameOf(failed)}`);
    console.log(`  ${failed.cause}`);
    console.log(`  error file ${errorFile}; ${failed.arn}`);
  }
  console.log(`${count} failed${values.missing ? ' without an error file' : ''} since ${since.toISOString()}.`);
});
