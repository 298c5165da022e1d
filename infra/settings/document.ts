import { SETTINGS, type Setting } from './table.ts';

/** The settings as a table of Markdown. */
export function settingsTable(): string {
  const rows = Object.entries<Setting<string, unknown>>(SETTINGS).map(([name, setting]) => [
    code(name),
    setting.description,
    setting.reader.accepts,
    setting.otherwise ?? code(String(setting.default)),
    setting.prop === undefined ? '' : code(setting.prop),
  ]);
  const head = ['Setting', 'Meaning', 'Value', 'Default', 'Prop'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

function code(text: string): string {
  return `\`${text}\``;
}
