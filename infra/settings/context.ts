import type { Node } from 'constructs';
import { type Given, refuseConflicts } from './conflicts.ts';
import { nearest, refuseUnknown } from './names.ts';
import { read, SettingError } from './readers.ts';
import { DEFAULTS, REMOVED, SETTING_NAMES, SETTINGS, type Settings } from './table.ts';

/**
 * Reads the settings from CDK context: `-c name=value`, or `context` in cdk.json. An empty value counts as not given.
 *
 * @throws SettingError for the first setting that is unknown or cannot be used.
 */
export function readSettings(node: Node): Settings {
  const context: Record<string, unknown> = node.getAllContext();
  refuseUnknownSettings(context);
  const given: Given = Object.fromEntries(
    SETTING_NAMES.filter((name) => context[name] !== undefined && context[name] !== '').map((name) => [
      name,
      read<unknown>(SETTINGS[name].reader, subjectOf(name), context[name]),
    ]),
  );
  const settings = { ...DEFAULTS, ...given };
  refuseConflicts(settings, subjectOf, (name) => name);
  // Each value is what its own reader has read.
  return settings as Settings;
}

/** Those who give a prop's name mean the setting of the same meaning. */
const SETTING_OF = Object.fromEntries(
  SETTING_NAMES.flatMap((name) => {
    const { prop } = SETTINGS[name];
    return prop === undefined ? [] : [[prop, `Did you mean ${name}?`]];
  }),
);

function subjectOf(name: string): string {
  return `The setting ${name}`;
}

function refuseUnknownSettings(context: Record<string, unknown>): void {
  for (const name of Object.keys(context)) {
    // Feature flags and what the CDK remembers of an account have punctuation in their names; settings do not.
    const isMisspelt = /^[\w.-]+$/.test(name) && nearest(name, SETTING_NAMES) !== undefined;
    if (!/^\w+$/.test(name) && !isMisspelt) continue;
    if (Object.hasOwn(REMOVED, name)) throw new SettingError(`There is no setting ${name} any more: ${REMOVED[name]}.`);
    refuseUnknown(name, SETTING_NAMES, { kind: 'setting', instead: SETTING_OF });
  }
}
