import { App } from 'aws-cdk-lib';
import { readSettings } from '../../../infra/settings/context.ts';
import type { Settings } from '../../../infra/settings/table.ts';
import { CutoutStack } from '../../../infra/stack.ts';
import { refusalOf } from '../refusal-of.ts';

/** The settings that an app with this context has. */
export function read(context: Record<string, unknown>): Settings {
  return readSettings(new App({ context }).node);
}

/** Makes the stack that these settings call for. */
export function makeStack(context: Record<string, unknown>): void {
  new CutoutStack(new App({ context }), 'Cutout', { settings: read(context) });
}

/** The message that refuses these settings, when they are read or when the stack is made. */
export function refusal(context: Record<string, unknown>, use: (context: Record<string, unknown>) => void = read) {
  return refusalOf(() => use(context));
}
