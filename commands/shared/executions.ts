import {
  DescribeExecutionCommand,
  type ExecutionStatus,
  paginateListExecutions,
  RedriveExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { ObjectSource } from '../../functions/contract.ts';
import type { ErrorName } from '../../functions/errors.ts';
import { isUpload, resultKeyOf } from '../../functions/input.ts';
import { isJobOf, type Job, parseJob } from '../../functions/job.ts';
import { lastState, whatFailed } from '../../functions/results/failure.ts';
import { errorKey } from '../../functions/results/keys.ts';
import { headObject } from '../../functions/results/objects.ts';
import { whySettled } from '../../functions/results/standing.ts';
import { withoutQuery } from '../../functions/runtime/redact.ts';
import { type Deployment, imageOfInput } from './deployment.ts';

/** An execution that ended without success. */
export interface FailedExecution {
  arn: string;
  name: string;
  startedAt: Date;
  stoppedAt: Date;
  error: ErrorName;
  /** What happened and what to do. */
  cause: string;
  /** The state it failed in, where a redrive goes on. */
  state: string | undefined;
  /** What it was about; undefined if its input names no image. */
  image: Pick<Job, 'source' | 'givenKey'> | undefined;
}

/**
 * All executions that failed, timed out or were aborted since a time.
 *
 * Two requests an execution, of which Step Functions allows about 15 a second: 1,000 failures take two minutes.
 */
export async function* failedExecutions(deployment: Deployment, since: Date): AsyncGenerator<FailedExecution> {
  const { sfn, stateMachineArn } = deployment;
  for (const statusFilter of ['FAILED', 'TIMED_OUT', 'ABORTED'] satisfies ExecutionStatus[]) {
    for await (const { executions } of paginateListExecutions({ client: sfn }, { stateMachineArn, statusFilter })) {
      for (const { executionArn, stopDate } of executions ?? []) {
        // Listed by start, not by end: an older one may have ended later, so none is a reason to stop here.
        if (executionArn !== undefined && stopDate !== undefined && stopDate >= since) {
          yield await look(deployment, executionArn);
        }
      }
    }
  }
}

async function look({ sfn, buckets }: Deployment, arn: string): Promise<FailedExecution> {
  const execution = await sfn.send(new DescribeExecutionCommand({ executionArn: arn }));
  const state = await lastState(sfn, arn);
  const name = execution.name ?? arn;
  const hasJob = isJobOf(name, state?.input);
  return {
    arn,
    name,
    startedAt: execution.startDate ?? new Date(0),
    stoppedAt: execution.stopDate ?? new Date(0),
    ...whatFailed(execution, state?.name),
    state: state?.name,
    image: hasJob ? parseJob(state?.input) : imageOfInput(JSON.parse(execution.input ?? 'null'), buckets),
  };
}

/** Whether the failure's error file is where it should be, or why there need not be one. */
export async function errorFileOf(
  { s3, resultsBucket, buckets }: Deployment,
  { image, startedAt, stoppedAt }: FailedExecution,
): Promise<string> {
  if (image === undefined) return 'not needed: the input names no image';
  const place = { bucket: resultsBucket, resultKey: resultKeyOf(image, buckets) };
  if (await headObject(s3, place.bucket, errorKey(place.resultKey))) return 'written';
  const canLook = (source: ObjectSource) => isUpload(source, buckets);
  const settled = await whySettled(s3, place, { ...image, startedAt, failedAt: stoppedAt }, canLook);
  return settled === undefined ? 'MISSING' : `not needed: ${settled.reason}`;
}

/** Continues an execution at the state that failed. */
export async function redrive({ sfn }: Deployment, { arn }: FailedExecution): Promise<void> {
  await sfn.send(new RedriveExecutionCommand({ executionArn: arn }));
}

/** The image in one line; what may be a signature stays out. */
export function nameOf({ image, name }: FailedExecution): string {
  if (image === undefined) return name;
  const { source } = image;
  return 'imageUrl' in source ? withoutQuery(source.imageUrl) : `s3://${source.bucket}/${source.key}`;
}
