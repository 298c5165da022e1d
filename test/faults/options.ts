import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CloudOptions } from '../../local/cloud.ts';

/** An AWS client that does not try again by itself, so that each fault reaches the function. */
export const HASTY: CloudOptions = { environment: { AWS_MAX_ATTEMPTS: '1' } };

const NODE_OPTIONS = `--import=${pathToFileURL(join(import.meta.dirname, 'environment.ts')).href}`;

/** Functions whose time limits of 15 s and more are shorter. */
export const IMPATIENT: CloudOptions = { environment: { NODE_OPTIONS, PATIENCE_MS: '600' } };

/** Functions that cannot resolve the gateway's name so many times. */
export function unresolved(gatewayUrl: string, times: number): CloudOptions {
  return { environment: { NODE_OPTIONS, GATEWAY_URL: gatewayUrl, UNRESOLVED_TIMES: String(times) } };
}

/** Functions whose clocks are wrong, by what their name holds. */
export function skewed(minutes: Record<string, number>): CloudOptions {
  return { environment: { NODE_OPTIONS, CLOCK_SKEW_MINUTES: JSON.stringify(minutes) } };
}
