import { Stack } from 'aws-cdk-lib';
import type { EventPattern } from 'aws-cdk-lib/aws-events';
import type { IConstruct } from 'constructs';
import { SettingError } from '../settings/readers.ts';

/** EventBridge's default quota for the pattern of a rule, in characters. */
const PATTERN_CHARACTERS = 2_048;
/** Lambda's limit for the environment variables of a function together, in bytes. */
const ENVIRONMENT_BYTES = 4_096;

/** Refuses an event pattern that EventBridge would refuse. @throws SettingError naming the prop that makes it so long */
export function refuseLongPattern(scope: IConstruct, prop: string, path: string, pattern: EventPattern): void {
  const { length } = known(scope, pattern);
  if (length <= PATTERN_CHARACTERS) return;
  throw new SettingError(
    `${prop} of ${path} makes an event pattern of ${length} characters, of which EventBridge takes 2,048 characters. ` +
      'Shorten it.',
  );
}

/**
 * Refuses environment variables that Lambda would refuse.
 *
 * @param path Path of the function.
 * @throws SettingError naming the prop that the longest variable is made from
 */
export function refuseLargeEnvironment(scope: IConstruct, path: string, variables: Record<string, string>): void {
  const bytes = Buffer.byteLength(known(scope, variables));
  if (bytes <= ENVIRONMENT_BYTES) return;
  const [[longest = ''] = []] = Object.entries(variables).sort(([, one], [, other]) => other.length - one.length);
  const prop = longest.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  throw new SettingError(
    `${prop} is too long: with it, the environment variables of ${path} take ${bytes} bytes, of which Lambda takes ` +
      '4,096 bytes. Shorten it.',
  );
}

/** JSON of what is known at synth; what is known only at deployment is about as long as its reference. */
function known(scope: IConstruct, value: object): string {
  return JSON.stringify(Stack.of(scope).resolve(value));
}
