import { type CloudOptions, LocalCloud } from '../local/cloud.ts';
import type { Execution } from '../local/step-functions.ts';
import { CAT } from './pictures.ts';
import { until } from './until.ts';

/** The deployed stack on this machine, and what a user does with it. */

/** The stack on this machine, with every wait shortened by the interpreter; the definition itself is as it is. */
export function startCloud(options: CloudOptions = {}): Promise<LocalCloud> {
  const { gateway, environment, settings, ...others } = options;
  return LocalCloud.start({
    waitMs: 20,
    retryMs: 5,
    visibilityMs: 20,
    gateway: { durationMs: 30, ...gateway },
    // Source maps would take longer to load than all else, each time that a function starts.
    environment: { NODE_OPTIONS: '', ...environment },
    // What the gateway refuses one image does not hold back those of a test that is not about it.
    settings: { pause: false, ...settings },
    ...others,
  });
}

/** Uploads an object and waits until all that follows from it is over. @returns its execution */
export async function upload(cloud: LocalCloud, key: string, body: Buffer | string = CAT): Promise<Execution> {
  const before = cloud.stepFunctions.executions.length;
  cloud.s3.put(cloud.uploadsBucket, key, Buffer.from(body));
  const execution = await until(() => cloud.stepFunctions.executions[before]);
  await cloud.settled();
  return execution;
}

/** Starts an execution as another workflow does, and waits until all that follows from it is over. */
export async function execute(cloud: LocalCloud, name: string, input: unknown): Promise<Execution> {
  const execution = cloud.stepFunctions.start(name, JSON.stringify(input));
  await cloud.settled();
  return execution;
}

/** Redrives an execution and waits until all that follows from it is over. */
export async function redrive(cloud: LocalCloud, { arn }: Execution): Promise<Execution> {
  const execution = cloud.stepFunctions.redrive(arn);
  await cloud.settled();
  return execution;
}

/** The parsed `<key>.error.json`, if there is one. */
export function errorFile(cloud: LocalCloud, key: string): Record<string, unknown> | undefined {
  const file = cloud.s3.get(cloud.resultsBucket, `${key}.error.json`);
  return file && JSON.parse(file.body.toString());
}
