import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { size } from '../commands/shared/save.ts';
import type { StoredResult } from '../functions/contract.ts';
import { rowOf } from '../functions/errors.ts';
import type { LocalCloud } from './cloud.ts';
import { errorFileOf } from './page/rows.ts';
import { pauseOf } from './pause.ts';

/** What came of an upload. */
export interface Outcome {
  /** The file that was uploaded. */
  file: string;
  /** Of the job that was delivered. */
  requestId?: string;
  /** The files that were written; none if the upload failed. */
  results: { path: string; bytes: number; contentType: string; storedAt: Date }[];
  /** Why there are none. */
  problem?: string;
}

/** Writes the results of an upload to a folder. */
export function collect(cloud: LocalCloud, { key, file, out }: { key: string; file: string; out: string }): Outcome {
  const { s3, stepFunctions, uploadsBucket } = cloud;
  const execution = stepFunctions.executions.find(({ input }) => {
    const { bucket, key: uploaded } = JSON.parse(input);
    return bucket === uploadsBucket && uploaded === key;
  });
  if (execution === undefined) return { file, results: [], problem: whyNotStarted(cloud) };
  const { requestId, results = [] }: { requestId?: string; results?: StoredResult[] } = JSON.parse(
    execution.output ?? '{}',
  );
  const written = results.flatMap((result) => {
    const object = s3.get(result.bucket, result.key);
    if (!object) return [];
    const path = join(out, result.key);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, object.body);
    const { contentType, lastModified: storedAt } = object;
    return { path, bytes: object.body.length, contentType, storedAt };
  });
  if (written.length > 0) return { file, results: written, ...(requestId !== undefined && { requestId }) };
  const { error, cause } = errorFileOf(execution, cloud)?.content ?? {};
  if (cause === undefined) return { file, results: [], problem: 'nothing was delivered, and no error file says why' };
  // The bucket is gone when this is read.
  const place = `s3://${uploadsBucket}/${key}`;
  return { file, results: [], problem: `${error}: ${cause.replaceAll(place, relative('.', file))}` };
}

/** A row for each result, and for each upload that failed. */
export function printOutcomes(outcomes: Outcome[]): void {
  const rows = outcomes.flatMap(({ file, results, problem }) => {
    const source = [relative('.', file), size(statSync(file).size)];
    if (results.length === 0) return [{ mark: '✗', cells: [...source, `→ ${problem}`] }];
    return results.map(({ path, bytes, contentType }) => ({
      mark: '✓',
      cells: [...source, `→ ${relative('.', path)}`, size(bytes), contentType],
    }));
  });
  // What went wrong is the last cell of its row, and makes no column wider.
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...rows.map(({ cells }) => (column + 1 < cells.length ? (cells[column]?.length ?? 0) : 0))),
  );
  for (const { mark, cells } of rows) {
    const padded = cells.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 1 || column === 3 ? cell.padStart(width) : cell.padEnd(width);
    });
    const line = `${mark} ${padded.join('  ').trimEnd()}`;
    if (mark === '✓') console.log(line);
    else console.error(line);
  }
}

/** How long after the end of its job each cutout was there; undefined if there is none. */
export function whenDelivered(
  outcomes: Outcome[],
  jobs: ReadonlyMap<string, number>,
  clock: (time: number) => string,
): string | undefined {
  const deliveries = outcomes.flatMap(({ requestId = '', results: [first] }) => {
    const endedAt = jobs.get(requestId);
    return endedAt === undefined || first === undefined ? [] : { endedAt, ms: first.storedAt.getTime() - endedAt };
  });
  const [first, ...others] = deliveries.sort((one, other) => one.ms - other.ms);
  if (first === undefined) return undefined;
  const seconds = ({ ms }: { ms: number }) => (ms / 1000).toFixed(1);
  if (others.length === 0)
    return `The gateway's job ended at ${clock(first.endedAt)}, cutout ${seconds(first)} s later.`;
  const endedAt = Math.max(...deliveries.map((each) => each.endedAt));
  const range = `${seconds(first)} to ${seconds(others.at(-1) ?? first)}`;
  return `The last of the gateway's jobs ended at ${clock(endedAt)}; cutouts came ${range} s after their jobs had ended.`;
}

/** Why an upload has no execution. */
function whyNotStarted(cloud: LocalCloud): string {
  const pause = pauseOf(cloud);
  if (pause === undefined) return 'no execution was started: see the settings uploadsPrefix and uploadsSuffixes';
  return `held back after ${pause.reason}: ${rowOf(pause.reason).means}`;
}
