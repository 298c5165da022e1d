import type { Case, Outcome } from './case.ts';
import type { Denial } from './denials.ts';
import { costInWords } from './estimate.ts';
import { NOT_OFFERED } from './gateway/switches.ts';
import type { Leftover } from './platforms/platform.ts';

/** All that a run has found out. Holds no account, no id and no address: {@link withoutIds} sees to it. */
export interface Report {
  /** ISO 8601. */
  startedAt: string;
  /** From the first to the last thing that the runner did, in seconds; all other times are AWS's own. */
  seconds: number;
  platform: string;
  region: string;
  version: string;
  node: string;
  /** Why the run ended early. */
  problem?: string | undefined;
  outcomes: Outcome[];
  /** Names of cases that were not tried at all. */
  notTried: string[];
  denials: Denial[];
  /** Where denials could not be looked for, and why. */
  unseen: string[];
  leftovers: Leftover[];
}

/** Whether all is as it should be. */
export function isGood({ problem, outcomes, denials, leftovers }: Report): boolean {
  const hasFailed = outcomes.some(({ outcome }) => outcome === 'failed');
  const unexpected = leftovers.filter(({ type }) => type !== 'AWS::KMS::Key');
  return problem === undefined && !hasFailed && denials.length === 0 && unexpected.length === 0;
}

/** The cases of a table that no outcome tells of. */
export function notTriedOf(cases: readonly Case[], outcomes: readonly Outcome[]): string[] {
  return cases.map(({ name }) => name).filter((name) => !outcomes.some((outcome) => outcome.name === name));
}

/** The report with account numbers, ids and addresses left out, wherever they stand. */
export function withoutIds(report: Report): Report {
  return JSON.parse(JSON.stringify(report, (_, value) => (typeof value === 'string' ? clean(value) : value)));
}

function clean(text: string): string {
  return text
    .replace(/https?:\/\/[^\s"',)]+/g, '<address>')
    .replace(/\b[\w-]*(?:secret|token|signature|credential)[\w-]*=[^\s&"]+/gi, '<left out>')
    .replace(/\b\d{12}\b/g, '<account>')
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<id>')
    .replace(/\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b/g, '<id>')
    .replace(/\b[0-9a-f]{12,}\b/gi, '<id>')
    .replace(/\bcutoutinteg-[a-z0-9-]+/g, '<bucket>');
}

/** The report as a page. */
export function markdownOf(report: Report): string {
  const count = (outcome: Outcome['outcome']) => report.outcomes.filter((each) => each.outcome === outcome).length;
  const summary = `${count('ran')} ran, ${count('failed')} failed, ${count('cannot run here')} cannot run here`;
  return [
    '# Report of npm run integ',
    `On ${report.platform} (${report.region}), ${report.startedAt}, in ${Math.round(report.seconds / 60)} min. Cutout ${report.version}, Node.js ${report.node}.`,
    `**${summary}${report.notTried.length > 0 ? `, ${report.notTried.length} not tried` : ''}.**`,
    ...(report.problem === undefined ? [] : [`The run ended early: ${report.problem}`]),
    '## Cases\n',
    table(['Case', 'Outcome', 'Seconds', 'Note'], report.outcomes.map(rowOf)),
    ...(report.notTried.length > 0 ? ['## Not tried\n', list(report.notTried)] : []),
    '## Refused by IAM\n',
    report.denials.length === 0
      ? 'Nothing.'
      : table(
          ['Principal', 'Action', 'Seen in', 'Said'],
          report.denials.map((each) => Object.values(each)),
        ),
    ...(report.unseen.length > 0 ? ['Could not be looked at:', list(report.unseen)] : []),
    '## Left\n',
    report.leftovers.length === 0
      ? 'Nothing.'
      : table(
          ['What', 'Type', 'Why'],
          report.leftovers.map(({ what, type, why }) => [what, type, why]),
        ),
    '## What no function URL can do, and so was not run\n',
    list(Object.entries(NOT_OFFERED).map(([what, why]) => `${what}: ${why}`)),
    '## Estimate\n',
    `\`\`\`\n${costInWords()}\n\`\`\``,
    'Times of cases are from AWS’s own timestamps. Account, ids and addresses are left out.\n',
  ].join('\n\n');
}

function rowOf({ name, outcome, seconds, note = '' }: Outcome): string[] {
  return [name, outcome, seconds?.toFixed(1) ?? '', note];
}

function table(header: string[], rows: string[][]): string {
  const line = (cells: string[]) =>
    `| ${cells.map((cell) => cell.replace(/\s*\n\s*/g, ' ').replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n').replaceAll('\n\n', '\n');
}

function list(items: string[]): string {
  return items.map((item) => `* ${item}`).join('\n');
}
