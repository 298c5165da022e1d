import assert from 'node:assert/strict';
import type { ExecutionOutput, StoredResult } from '../../../functions/contract.ts';
import { isMadeFrom } from '../gateway/result.ts';
import type { Execution } from '../target/executions.ts';
import type { Trial } from '../trial.ts';

/** An execution must have delivered. @returns its results, the first of which there is */
export function delivered(execution: Execution): [StoredResult, ...StoredResult[]] {
  assert.equal(execution.status, 'SUCCEEDED', `It ended ${execution.status}: ${execution.error}: ${execution.cause}`);
  const { status, results }: ExecutionOutput = JSON.parse(execution.output ?? '{}');
  assert.equal(status, 'DELIVERED');
  const [first, ...others] = results;
  assert.ok(first, 'It delivered nothing');
  return [first, ...others];
}

/** An execution must have failed by this name. */
export function failedWith(execution: Execution, error: string): void {
  assert.equal(execution.status, 'FAILED', `It ended ${execution.status}`);
  assert.equal(execution.error, error, execution.cause);
}

/** An execution must have ended as overwritten. */
export function superseded(execution: Execution): void {
  assert.equal(execution.status, 'SUCCEEDED', `It ended ${execution.status}: ${execution.error}`);
  assert.equal(JSON.parse(execution.output ?? '{}').status, 'SUPERSEDED');
}

/** The result that lies there must have been made from this image. */
export async function madeFrom(trial: Trial, result: StoredResult, image: Buffer): Promise<void> {
  assert.ok(isMadeFrom(await trial.result(result), image), `${result.key} was made from another image`);
}

/** So many submissions must have been accepted. */
export async function paid(trial: Trial, images: number): Promise<void> {
  assert.equal(await trial.accepted(), images, 'Submissions that the gateway accepted');
}
