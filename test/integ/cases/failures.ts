import assert from 'node:assert/strict';
import type { Case } from '../case.ts';
import { SHORT_TIMEOUT_SECONDS } from '../stack-name.ts';
import type { Trial } from '../trial.ts';
import { delivered, failedWith, paid } from './check.ts';
import { picture } from './pictures.ts';

async function reportsFailed(trial: Trial): Promise<void> {
  await trial.gateway({ outcomes: ['FAILED'] });
  const upload = await trial.upload('Kms', 'cat.png', await picture());
  const execution = await trial.ended(upload);
  failedWith(execution, 'RemovalFailed');
  const file = await trial.errorFile(upload);
  assert.deepEqual([file.error, file.execution], ['RemovalFailed', execution.name]);
  assert.match(String(file.cause), /upload it again/);
}

async function reportsTimedOut(trial: Trial): Promise<void> {
  await trial.gateway({ outcomes: ['NEVER'] });
  const upload = await trial.upload('Shared', 'cat.png', await picture());
  const execution = await trial.ended(upload, SHORT_TIMEOUT_SECONDS * 1000 + 240_000);
  assert.equal(execution.status, 'TIMED_OUT');
  assert.equal((await trial.errorFile(upload)).error, 'JobTimedOut');
}

async function reportsAborted(trial: Trial): Promise<void> {
  await trial.gateway({ outcomes: ['NEVER'] });
  const upload = await trial.upload('Main', 'cat.png', await picture());
  const execution = await trial.executionOf(upload);
  await trial.entered(execution, 'Check status');
  const { executionArn = '' } = execution;
  await trial.target.executions.stop(executionArn);
  assert.equal((await trial.endOf(executionArn)).status, 'ABORTED');
  assert.equal((await trial.errorFile(upload)).error, 'Aborted');
  await trial.gateway({});
  await trial.target.executions.redrive(executionArn);
  delivered(await trial.endOf(executionArn));
  await paid(trial, 1);
}

/** What is told of executions that did not succeed. */
export const FAILURES: Case[] = [
  { name: 'An execution that fails is reported by an error file', run: reportsFailed, quick: true },
  { name: 'An execution that times out is reported', run: reportsTimedOut },
  { name: 'An execution that is stopped is reported, and can be redriven', run: reportsAborted },
];
