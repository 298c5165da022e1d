/** A cell of a table; numbers stand on the right. */
export type Cell = string | number;

/** Prints a table in Markdown, so that it can be quoted, with columns of even width, so that it can be read as it is. */
export function printTable(title: string, header: string[], rows: Cell[][]): void {
  const cells = [header, ...rows.map((row) => row.map(String))];
  const widths = header.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const isNumeric = header.map((_, column) => column > 0 && rows.every((row) => startsWithNumber(row[column])));
  const line = (row: string[]) =>
    `| ${row.map((cell, n) => (isNumeric[n] ? cell.padStart(widths[n] ?? 0) : cell.padEnd(widths[n] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, n) => (isNumeric[n] ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  console.log(`\n${title}\n`);
  console.log([line(header), line(rule), ...cells.slice(1).map(line)].join('\n'));
}

/** Says of a goal whether it is met, and where not. */
export function printGoal(goal: string, misses: string[]): void {
  console.log(`\nGoal: ${goal}: ${misses.length === 0 ? 'met' : `NOT met: ${misses.join('; ')}`}`);
}

function startsWithNumber(cell: Cell | undefined): boolean {
  return typeof cell === 'number' || /^[$−-]?[\d.]/.test(cell ?? '');
}
