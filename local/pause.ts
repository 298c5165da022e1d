import { type ErrorName, isErrorName } from '../functions/errors.ts';
import { PAUSE_FILE } from '../functions/spending/pause-file.ts';
import type { LocalCloud } from './cloud.ts';

/** Why uploads of a stack on this machine are held back. */
export interface LocalPause {
  reason: ErrorName;
  /** ISO 8601. */
  since: string;
  /** Uploads that wait for their start. */
  waiting: number;
}

/** The pause of a stack on this machine; undefined if uploads are not held back. */
export function pauseOf(cloud: LocalCloud): LocalPause | undefined {
  const object = cloud.s3.get(cloud.resultsBucket, keyIn(cloud));
  const { reason, since = '' } = object?.metadata ?? {};
  if (!isErrorName(reason)) return undefined;
  const name = cloud.template.output('UploadsQueueUrl').split('/').at(-1);
  const queue = [...cloud.queues.values()].find(({ arn }) => arn.endsWith(`:${name}`));
  const counts = Object.values(queue?.attributes ?? {}).map(Number);
  return { reason, since, waiting: counts.reduce((sum, each) => sum + each, 0) };
}

/** Lets uploads go on, as `npm run resume` does; what failed is left as it is. */
export async function resume(cloud: LocalCloud): Promise<void> {
  cloud.s3.delete(cloud.resultsBucket, keyIn(cloud));
  // Without a pause, it has uploads taken from their queue.
  await cloud.runSchedules();
}

function keyIn({ template }: LocalCloud): string {
  return `${template.output('ResultsLocation').replace(/^s3:\/\/[^/]+\//, '')}${PAUSE_FILE}`;
}
