import { readdirSync } from 'node:fs';

/** The test files that hold the rows, in the order of the document. */
const FILES = [
  'submission',
  'account',
  'daily-limit',
  'status',
  'download',
  'media-url',
  'storage',
  'services',
  'crashes',
  'events',
  'sources',
  'people',
  'webhook',
  'webhook-table',
  'webhook-submission',
  'webhook-waiting',
];

/** A fault, and what comes of it. */
export interface Row {
  area: string;
  fault: string;
  /** Where it is injected. */
  where: string;
  /** What the user sees. */
  sees: string;
  /** Submissions that are paid for. */
  paid: number;
}

/** Where rows go while they are collected; unless they are, their tests are defined. */
let collected: Row[] | undefined;

/** @returns whether the rows are only wanted for the document */
export function record(rows: Row[]): boolean {
  collected?.push(...rows);
  return collected !== undefined;
}

/** The rows of all test files of this folder, without running any. */
export async function collectRows(): Promise<Row[]> {
  const rest = readdirSync(import.meta.dirname).filter((name) => !FILES.includes(name.replace('.test.ts', '')));
  const unlisted = rest.filter((name) => name.endsWith('.test.ts') && name !== 'document.test.ts');
  if (unlisted.length > 0) throw new Error(`Not in the document: ${unlisted}`);
  collected = [];
  for (const name of FILES) await import(`./${name}.test.ts`);
  return collected;
}

const INTRODUCTION = `# Faults, and what comes of them

Each row is a test in \`test/faults/\`: it makes one thing go wrong at a real seam – an HTTP answer or a socket of the gateway or its CDN,
an answer of an AWS service, the death of a function, an event, a source, a clock – and lets an image go its whole way through the
built bundles and the synthesized state machine. Waits and delays are shortened by the interpreter, the number of retries is not. What
the user sees and how many submissions are paid for is what the test asserts, besides that the cutout is whole and of the current
version, or that the error file is of the execution that failed and gives nothing away.

This file is written by \`UPDATE_FAULTS=1 npx vitest run test/faults/document.test.ts\`; a test fails when it is out of date.
`;

/** The document that says it all. */
export function documentOf(rows: Row[]): string {
  const areas = Map.groupBy(rows, (row) => row.area);
  const sections = [...areas].map(([area, rows]) => {
    const lines = rows.map(({ fault, where, sees, paid }) => `| ${fault} | ${where} | ${sees} | ${paid} |`);
    const head = [
      '| Fault | Where it is injected | What the user sees | Paid submissions |',
      '| --- | --- | --- | --- |',
    ];
    return [`## ${area}\n`, ...head, ...lines].join('\n');
  });
  return `${INTRODUCTION}\n${sections.join('\n\n')}\n`;
}
