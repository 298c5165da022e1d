import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Context } from 'aws-lambda';
import { REGION } from '../template.ts';

export type Handler = (event: unknown, context: Context) => Promise<unknown>;

/** A function as it is deployed: the handler itself, which runs in this process. */
export interface DeployedFunction {
  arn: string;
  /** Such as `on-upload`. */
  name: string;
  timeoutSeconds: number;
  memoryMb: number;
  /** Its environment variables: what it sees in `process.env`. */
  variables: Record<string, string>;
  /**
   * The handler, loaded as often as AWS would load it where it keeps something of the invocation at hand, as the one
   * that works off a batch does. The others serve any number of invocations at once.
   */
  environments: Handler[];
}

/** What Lambda itself sets, as far as the SDK needs it. */
const LAMBDA_VARIABLES = {
  AWS_REGION: REGION,
  AWS_ACCESS_KEY_ID: 'simulated',
  AWS_SECRET_ACCESS_KEY: 'simulated-secret-access-key',
  AWS_EC2_METADATA_DISABLED: 'true',
};

// A handler that is imported as `….ts?environment=3` gets modules of its own, as in an execution environment of its own.
registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    const environment = context.parentURL?.split('?environment=')[1];
    const isOurs = environment !== undefined && resolved.url.includes('/functions/');
    return isOurs ? { ...resolved, url: `${resolved.url}?environment=${environment}` } : resolved;
  },
});
let environments = 0;

/** By what they were loaded with: deployments share a function that is the same in all of them. */
const loaded = new Map<string, Handler[]>();

/**
 * Loads a handler from `functions/`.
 *
 * @param entry Such as `on-upload.handler`.
 * @param count How many execution environments it gets.
 */
export async function load(
  entry: string,
  given: Record<string, string>,
  count: number,
): Promise<Pick<DeployedFunction, 'name' | 'variables' | 'environments'>> {
  const [name = '', handler = ''] = entry.split('.');
  const variables = { ...LAMBDA_VARIABLES, ...given };
  const key = JSON.stringify([entry, variables, count]);
  const handlers: Handler[] = loaded.get(key) ?? [];
  loaded.set(key, handlers);
  const file = pathToFileURL(join(import.meta.dirname, `../../functions/${name}.ts`)).href;
  const restore = installVariables(() => variables);
  try {
    while (handlers.length < count) handlers.push((await import(`${file}?environment=${environments++}`))[handler]);
  } finally {
    restore();
  }
  return { name, variables, environments: handlers };
}

/**
 * Lets `process.env` be the variables of the function at hand, where there is one.
 *
 * @returns what puts those of this process back
 */
export function installVariables(current: () => Record<string, string> | undefined): () => void {
  const own = process.env;
  Object.defineProperty(process, 'env', { get: () => current() ?? own, configurable: true, enumerable: true });
  return () =>
    Object.defineProperty(process, 'env', { value: own, configurable: true, enumerable: true, writable: true });
}
