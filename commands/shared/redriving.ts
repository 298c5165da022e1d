import { type ErrorName, redrivePays } from '../../functions/errors.ts';
import { PRICE_PER_IMAGE_USD } from '../../functions/gateway/model.ts';
import { limitInWords } from './daily-limit.ts';
import type { Deployment } from './deployment.ts';
import { type FailedExecution, failedExecutions, nameOf, redrive } from './executions.ts';

/** The executions that failed with one of these errors since a time; each is said in a line. */
export async function listFailed(deployment: Deployment, errors: ErrorName[], since: Date): Promise<FailedExecution[]> {
  const found: FailedExecution[] = [];
  for await (const failed of failedExecutions(deployment, since)) {
    if (!errors.includes(failed.error)) continue;
    found.push(failed);
    console.log(`${failed.stoppedAt.toISOString()}  ${nameOf(failed)}  failed in "${failed.state}"`);
  }
  return found;
}

/** Says how many there are, what redriving them costs, and what the daily limit leaves. */
export async function sayPrice(
  deployment: Deployment,
  found: FailedExecution[],
  errors: ErrorName[],
  since: Date,
): Promise<void> {
  const paying = found.filter(({ error, state }) => redrivePays(error, state)).length;
  const names = new Intl.ListFormat('en', { type: 'disjunction' }).format(errors);
  console.log(
    `${found.length} failed with ${names} since ${since.toISOString()}. Redriving submits ${paying} of them, ` +
      `for $${(paying * PRICE_PER_IMAGE_USD).toFixed(3)} at the gateway.`,
  );
  const limit = await limitInWords(deployment);
  if (limit !== undefined) console.log(limit);
}

/** Redrives all of them, and says which could not be. */
export async function redriveAll(deployment: Deployment, found: FailedExecution[]): Promise<void> {
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
}
