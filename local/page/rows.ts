import { isErrorName, redrivePays, rowOf as rowOfError } from '../../functions/errors.ts';
import type { ErrorFile } from '../../functions/results/error-file.ts';
import { whatFailed } from '../../functions/results/failure.ts';
import type { LocalCloud } from '../cloud.ts';
import type { Execution } from '../step-functions.ts';
import type { ErrorRow, Row } from './content.ts';
import { inputOf, type Ledger } from './ledger.ts';
import { statesOf } from './states.ts';

/** A picture in one of the buckets. */
export interface Picture {
  bucket: string;
  key: string;
  versionId?: string | undefined;
}

/** What rows are made from. */
export interface RowSources {
  cloud: Pick<LocalCloud, 'stepFunctions' | 's3' | 'stateMachineArn' | 'resultsBucket'>;
  ledger: Ledger;
  /** The address of a picture on the page. */
  addressOf: (picture: Picture) => string;
  /** What the gateway does to the image of an execution, if it is worth mentioning. @default - nothing is */
  dayOf?: (execution: Execution) => string | undefined;
}

/** The executions that have a row: those of images, and not those of backfills and of other people's machines. */
export function imagesIn({ stepFunctions, stateMachineArn }: RowSources['cloud']): Execution[] {
  return stepFunctions.executions.filter((each) => each.stateMachineArn === stateMachineArn);
}

/** All there is to say of an execution. */
export function rowOf(execution: Execution, { cloud, ledger, addressOf, dayOf }: RowSources): Row {
  const { name, arn, status, startDate, stopDate } = execution;
  const { bucket, key, versionId, imageUrl } = inputOf(execution);
  const { source, title } = sourceOf(bucket, key, imageUrl);
  const output = JSON.parse(execution.output ?? '{}');
  const [result] = output.results ?? [];
  const submissions = ledger.submissionsOf(execution);
  const day = dayOf?.(execution);
  const isUpload = typeof bucket === 'string' && typeof key === 'string';
  return {
    ...{ name, arn, title, status, source, startedAt: startDate },
    isSuperseded: output.status === 'SUPERSEDED',
    ms: stopDate === undefined ? undefined : stopDate - startDate,
    result: result && { place: `s3://${result.bucket}/${result.key}`, ...pick(result) },
    before: isUpload ? addressOf({ bucket, key, versionId: textOf(versionId) }) : undefined,
    after: result && addressOf(result),
    // What the gateway does is of no interest where it was never asked.
    day: submissions.length > 0 ? day : undefined,
    note: submissions.map((submission) => ledger.noteOf(submission)).findLast(Boolean),
    submissions: submissions.map((submission) => ({
      at: submission.at - startDate,
      requestId: submission.requestId,
      status: ledger.statusOf(submission),
      isPaid: ledger.isPaid(submission),
    })),
    states: statesOf(execution),
    error: ['RUNNING', 'SUCCEEDED'].includes(status) ? undefined : errorOf(execution, cloud),
  };
}

function pick({ contentType, bytes }: { contentType: string; bytes: number }): { contentType: string; bytes: number } {
  return { contentType, bytes };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function sourceOf(bucket: unknown, key: unknown, imageUrl: unknown): { source: string; title: string } {
  if (typeof imageUrl === 'string') {
    // The query may be a signature.
    const source = imageUrl.replace(/\?.*$/, '');
    return { source, title: lastPart(source) };
  }
  return { source: `s3://${bucket}/${key}`, title: lastPart(String(key)) };
}

function lastPart(path: string): string {
  return path.split('/').filter(Boolean).at(-1) ?? path;
}

/** What the error file says; until it is written, what it is going to say. */
function errorOf(execution: Execution, cloud: RowSources['cloud']): ErrorRow {
  const file = errorFileOf(execution, cloud);
  const state = statesOf(execution).at(-1)?.name;
  const { arn: executionArn, stateMachineArn, startDate, status, error, cause } = execution;
  const described = { executionArn, stateMachineArn, startDate: new Date(startDate), status, error, cause };
  const failure = file?.content ?? whatFailed(described, state);
  const { error: name } = failure;
  const { remedy, redriveHelps } = rowOfError(name);
  return {
    ...{ name, remedy, redriveHelps },
    // The message ends with the remedy.
    cause: failure.cause.replace(remedy, '').trim(),
    file: file && `s3://${cloud.resultsBucket}/${file.key}`,
    redrivePays: redrivePays(name, state),
  };
}

/** The error file of an execution, and its key; undefined until it is written. */
export function errorFileOf(
  { name }: Execution,
  { s3, resultsBucket }: Pick<LocalCloud, 's3' | 'resultsBucket'>,
): { key: string; content: ErrorFile } | undefined {
  for (const key of s3.list(resultsBucket).filter((each) => each.endsWith('.error.json'))) {
    const text = s3.get(resultsBucket, key)?.body.toString() ?? '';
    const content = text.includes(name) ? errorFileIn(text) : undefined;
    if (content?.execution === name) return { key, content };
  }
  return undefined;
}

/** Anybody may have written what has such a name. */
function errorFileIn(text: string): ErrorFile | undefined {
  try {
    const content = JSON.parse(text);
    return isErrorName(content?.error) && typeof content.cause === 'string' ? content : undefined;
  } catch {
    return undefined;
  }
}
