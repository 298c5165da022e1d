import { parseArgs } from 'node:util';
import { isErrorName, rowOf } from '../functions/errors.ts';
import { COMMON_OPTIONS, findDeployment, parseSince } from './shared/deployment.ts';
import { main } from './shared/main.ts';
import { listFailed, redriveAll, sayPrice } from './shared/redriving.ts';

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
  const found = await listFailed(deployment, [error], since);
  await sayPrice(deployment, found, [error], since);
  if (found.length === 0) return;
  if (!values.go) return console.log('Nothing was redriven. Add --go to do it.');
  await redriveAll(deployment, found);
});
