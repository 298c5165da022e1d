import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll } from 'vitest';
import type { BackfillInput, BackfillReport } from '../functions/backfill/contract.ts';
import { LOCAL_CREDENTIALS, type LocalCloud } from '../local/cloud.ts';
import type { Execution } from '../local/step-functions.ts';
import { picture } from './pictures.ts';
import { startCloud } from './pipeline-rig.ts';
import { until } from './until.ts';

/**
 * Backfills of an existing bucket, by the synthesized state machine and the built bundles. Distributed Maps are run by
 * this machine's own emulation, because the interpreter knows none.
 */

const SFN = { region: 'us-east-1', credentials: LOCAL_CREDENTIALS };

export async function started(cloud: LocalCloud, input: BackfillInput): Promise<Execution> {
  const sfn = new SFNClient({ ...SFN, endpoint: cloud.awsUrl });
  const stateMachineArn = cloud.template.output('BackfillStateMachineArn');
  const { executionArn } = await sfn.send(new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) }));
  sfn.destroy();
  return cloud.stepFunctions.get(executionArn ?? '');
}

export async function ended(execution: Execution): Promise<Execution> {
  await until(() => execution.status !== 'RUNNING' || undefined);
  return execution;
}

export async function backfill(cloud: LocalCloud, input: BackfillInput): Promise<Execution> {
  const execution = await ended(await started(cloud, input));
  await cloud.settled();
  return execution;
}

/** What a backfill that succeeded puts out. */
export async function reportOf(cloud: LocalCloud, input: BackfillInput): Promise<BackfillReport> {
  const { output, cause } = await backfill(cloud, input);
  if (output === undefined) throw new Error(cause);
  return JSON.parse(output);
}

export function stored<T>(cloud: LocalCloud, key: string): T {
  return JSON.parse(cloud.s3.get(cloud.resultsBucket, key)?.body.toString() ?? 'null');
}

/** A cloud whose uploads bucket was filled before, and tells of no uploads. */
export let cloud: LocalCloud;
export let small: Buffer;
let paidBefore = 0;
export const put = (...keys: string[]) => {
  for (const key of keys) cloud.s3.put('photos', key, small);
};
export const paid = () => cloud.gateway.accepted - paidBefore;
export const cutouts = (prefix: string) =>
  cloud.s3.list(cloud.resultsBucket, prefix).filter((key) => key.endsWith('.png'));
/** Each test has a folder of its own. */
export const report = (prefix: string, input: BackfillInput = {}) => {
  paidBefore = cloud.gateway.accepted;
  return reportOf(cloud, { prefix, ...input });
};

/** Starts it before the first test of a file. */
export function shareFilledBucket(): void {
  beforeAll(async () => {
    small = await picture(200);
    cloud = await startCloud({
      settings: { uploadsBucket: 'photos', uploadsSuffixes: '.jpg,.png' },
      existingBuckets: { photos: { versioned: true, eventBridge: false } },
    });
  });
  afterAll(() => cloud?.close());
}

/** A cloud whose uploads bucket has no versions, and tells of uploads. */
export function startUnversioned(): Promise<LocalCloud> {
  return startCloud({
    settings: { uploadsBucket: 'photos', timeoutMinutes: 120 },
    existingBuckets: { photos: { versioned: false, eventBridge: true } },
  });
}
