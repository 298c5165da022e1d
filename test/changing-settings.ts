import type { LocalCloud } from '../local/cloud.ts';
import type { Execution } from '../local/step-functions.ts';
import { statesOf } from './executions.ts';
import { CAT } from './pictures.ts';
import { until } from './until.ts';

/** A deployment on existing buckets whose settings change while executions are under way. */

export const EXISTING = {
  photos: { versioned: true, eventBridge: true },
  images: { versioned: true, eventBridge: true },
  cutouts: { versioned: true },
  elsewhere: { versioned: true },
};
/** The settings before the change. */
export const BEFORE = {
  ...{ uploadsBucket: 'photos', resultsBucket: 'cutouts' },
  ...{ uploadsPrefix: 'in/', resultsPrefix: 'out/' },
};
export const STILL_WORKING = { document: { status: 'PROCESSING' } };

/** Uploads an image, and waits until its execution has been in this state. */
export async function underWay(cloud: LocalCloud, key: string, state: string): Promise<Execution> {
  cloud.s3.put('photos', key, CAT);
  return begun(cloud, key, state);
}

/** Waits until the execution of a source, or for a result key, has been in this state. */
export async function begun(cloud: LocalCloud, key: string, state: string): Promise<Execution> {
  const execution = await until(() => cloud.stepFunctions.executions.find(({ input }) => input.includes(key)));
  await until(() => statesOf(execution).includes(state));
  return execution;
}
