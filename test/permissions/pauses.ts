import type { LocalCloud } from '../../local/cloud.ts';
import type { LocalQueue } from '../../local/queue.ts';
import { execute, redrive, upload } from '../pipeline-rig.ts';
import { until } from '../until.ts';

const EMPTY_WALLET = { status: 402 };

/** Ends the pause that a refusal has begun, as a person does. */
export function endPause(cloud: LocalCloud): void {
  const [key] = cloud.s3.list(cloud.resultsBucket).filter((each) => each.endsWith('paused.json'));
  if (key !== undefined) cloud.s3.delete(cloud.resultsBucket, key);
}

/**
 * Uploads are held back: until one that failed is accepted, for so long that a message is sent anew, for another reason,
 * and until none is left that could be redriven.
 */
export async function holdUploadsBack(cloud: LocalCloud, body: Buffer, prefix: string): Promise<void> {
  const keepPause = () => cloud.runSchedules();
  const folder = `${prefix}held/`;
  cloud.gateway.always({ submit: EMPTY_WALLET });
  const first = await upload(cloud, `${folder}first.jpg`, body);
  let batches = 0;
  cloud.onInvoke = (bundle) => {
    if (bundle === 'on-upload') batches++;
    return undefined;
  };
  cloud.s3.put(cloud.uploadsBucket, `${folder}second.jpg`, Buffer.concat([body, Buffer.from('.')]));
  await until(() => batches > 12 || undefined);
  cloud.onInvoke = undefined;
  await keepPause();
  if (intakeOf(cloud).isRead) throw new Error('Uploads should not be taken from their queue');
  await cloud.settled();
  cloud.gateway.always({ submit: { status: 403 } });
  await execute(cloud, `${first.name.slice(0, 40)}-again`, { bucket: cloud.uploadsBucket, key: `${folder}second.jpg` });
  cloud.gateway.always({ submit: 'accept' });
  await redrive(cloud, first);
  await keepPause();
  await cloud.settled();

  cloud.gateway.nextSubmits(EMPTY_WALLET);
  const last = await upload(cloud, `${folder}last.jpg`, Buffer.concat([body, Buffer.from('..')]));
  cloud.s3.put(cloud.uploadsBucket, `${folder}last.jpg`, Buffer.from('no picture'));
  intakeOf(cloud).drain();
  cloud.stepFunctions.redrive(last.arn);
  await until(() => last.status !== 'RUNNING' || undefined);
  for (const { arn, error } of cloud.stepFunctions.executions) {
    if (error === 'Forbidden' || error === 'InsufficientBalance') cloud.stepFunctions.redrive(arn);
  }
  await until(() => !cloud.stepFunctions.executions.some(({ status }) => status === 'RUNNING') || undefined);
  await keepPause();
  await cloud.settled();
  if (cloud.s3.list(cloud.resultsBucket).some((key) => key.endsWith('paused.json')))
    throw new Error('It should be over');
}

function intakeOf(cloud: LocalCloud): LocalQueue {
  const found = [...cloud.queues.values()].find(({ arn }) => arn.includes('IntakeQueue'));
  if (found === undefined) throw new Error('There is no queue of uploads');
  return found;
}
