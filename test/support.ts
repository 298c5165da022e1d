import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { type CloudOptions, LocalCloud } from '../local/cloud.ts';
import type { Execution } from '../local/step-functions.ts';

/** A picture with a plain background. */
export const CAT = readFileSync(join(import.meta.dirname, '../local/sample/cat.jpg'));

/** The stack on this machine, with every wait shortened by the interpreter; the definition itself is as it is. */
export function startCloud(options: CloudOptions = {}): Promise<LocalCloud> {
  const { gateway, environment, ...others } = options;
  return LocalCloud.start({
    waitMs: 20,
    retryMs: 5,
    visibilityMs: 20,
    gateway: { durationMs: 30, ...gateway },
    // Source maps would take longer to load than all else, each time that a function starts.
    environment: { NODE_OPTIONS: '', ...environment },
    ...others,
  });
}

/** A small picture that differs from other pictures by its colour. */
export function picture(red: number): Promise<Buffer> {
  return sharp({ create: { width: 8, height: 8, channels: 3, background: { r: red, g: 120, b: 200 } } })
    .png()
    .toBuffer();
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

/** The names of the states that an execution entered, in order. */
export function statesOf({ history }: Execution): string[] {
  return history.flatMap(({ stateEnteredEventDetails }) => stateEnteredEventDetails?.name ?? []);
}

/** How long Check status had the state machine wait for the next poll, each time, in seconds. */
export function waitsOf({ history }: Execution): number[] {
  const decisions = history.flatMap(({ stateEnteredEventDetails: entered }) =>
    entered?.name === 'Finished?' ? JSON.parse(entered.input) : [],
  );
  return decisions.flatMap(({ status, waitSeconds }) =>
    ['COMPLETED', 'ERROR', 'SUPERSEDED'].includes(status) ? [] : waitSeconds,
  );
}

/** The parsed `<key>.error.json`, if there is one. */
export function errorFile(cloud: LocalCloud, key: string): Record<string, unknown> | undefined {
  const file = cloud.s3.get(cloud.resultsBucket, `${key}.error.json`);
  return file && JSON.parse(file.body.toString());
}

/** The message that a failed execution shows: what a function threw comes as JSON with a stack. */
export function messageOf({ cause = '' }: Execution): string {
  return cause.startsWith('{') ? JSON.parse(cause).errorMessage : cause;
}

/** Waits for something to be there. */
export async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
