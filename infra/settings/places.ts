import { Stack, Token, TokenComparison } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { SettingError } from './readers.ts';

/** Where something lives, as far as it is known at synth. */
interface Place {
  readonly env: { readonly account: string; readonly region: string };
}

/**
 * Refuses what surely is in another region, or another account, than the construct that is to use it. A place that is
 * known only at deployment is not checked.
 *
 * @param subject What it is, as the start of a sentence: `uploads of Shop/Removal`.
 * @param remedy What to do instead, as a sentence.
 * @throws SettingError
 */
export function refuseElsewhere(
  scope: IConstruct,
  subject: string,
  { env }: Place,
  remedy: string,
  parts: readonly ('account' | 'region')[] = ['account', 'region'],
): void {
  const stack = Stack.of(scope);
  for (const part of parts) {
    if (Token.compareStrings(env[part], stack[part]) !== TokenComparison.DIFFERENT) continue;
    throw new SettingError(
      `${subject} is in the ${part} ${env[part]}, and not in ${stack[part]} as the stack. ${remedy}`,
    );
  }
}
