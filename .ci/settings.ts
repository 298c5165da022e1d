import { SETTINGS, type Setting, type SettingName } from '../infra/settings/table.ts';

// Prints examples of settings as options of the CDK's command line: those that `existing` resources call for, or those
// of a stack that makes its `own`.
const rows = Object.entries<Setting<SettingName, unknown>>(SETTINGS);
const excluded = rows.flatMap(([, { excludes }]) => excludes?.settings ?? []);
const variants: Record<string, typeof rows> = {
  existing: rows.filter(([, { excludes }]) => excludes === undefined),
  own: rows.filter(([name, { needs }]) => !excluded.some((other) => other === name || other === needs)),
};
const settings = variants[process.argv[2] ?? ''] ?? [];
console.log(settings.map(([name, { example }]) => `-c ${name}=${example}`).join(' '));
