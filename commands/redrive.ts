import { parseArgs } from 'node:util';
import { isErrorName, redrivePays, rowOf } from '../functions/errors.ts';
import { PRICE_PER_IMAGE_USD } from '../functions/gateway/model.ts';
import { COMMON_OPTIONS, findDeployment, parseSince } from './shared/deployment.ts';
import { type FailedExecution, failedExecutions, nameOf, redrive } from './shared/executions.ts';
import { main } from './shared/main.ts';

const USAGE = `Redrives the executions that failed with an error: each goes on at the state that failed.

  npm run redrive -- --error InsufficientBalance               a dry run: how many of the last 24 hours, and the price
  npm run redrive -- --error InsufficientBalance --go          does it
  npm run redrive -- --error Unauthorized --since 3d --go      those of the last 3 days (or since 2026-11-22T08:00Z)
  npm run redrive -- … --stack Name                            of another stack than Cutout
`;

await main(async () => {
  const options = { ...COMMON_OPTIONS, error: { type: 'string' }, go: { type: 'boolean', default: false } } as const;
  const { values } = parseArgs({ options });
  if (values.help) return console.log(USAGE);
  const { error } = values;
  if (!isErrorName(error)) throw new Error(`--error must be a name of the table of errors.\n\n${USAGE}`);
  const { redriveHelps, remedy } = rowOf(error);
  if (!redriveHelps) throw new Error(`Redriving does not help after ${error}, and was not done. ${remedy}`);
  const since = parseSince(values.since);

  const deployment = await findDeployment(values.stack);
  const found: FailedExecution[] = [];
  for await (const failed of failedExecutions(deployment, since)) {
    if (failed.error !== error) continue;
    found.push(failed);
    console.log(`${failed.stoppedAt.toISOString()}  ${nameOf(failed)}  failed in "${failed.state}"`);
  }
  const paying = found.filter(({ state }) => redrivePays(error, state)).length;
  console.log(
    `${found.length} failed with ${error} since ${since.toISOString()}. Redriving submits ${paying} of them, ` +
      `for $${(paying * PRICE_PER_IMAGE_USD).toFixed(3)} at the gateway.`,
  );
  if (found.length === 0) return;
  if (!values.go) return console.log('Nothing was redriven. Add --go to do it.');
  let refused = 0;
  for (const failed of found) {
    try {
      await redrive(deployment, failed);
    } catch (problem) {
      refused++;
      console.error(`${failed.arn} was not redriven: ${problem instanceof Error ? problem.message : problem}`);
    }
  }
  console.log(`${found.length - refused} redriven${refused > 0 ? `, ${refused} not` : ''}.`);
  if (refused > 0) process.exitCode = 1;
});
