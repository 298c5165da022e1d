import type { S3Client } from '@aws-sdk/client-s3';
import * as v from 'valibot';
import { mapResults } from './map-results.ts';

/** What came of the images that a backfill started. */
export interface Outcomes {
  delivered: number;
  /** Overwritten meanwhile; the newer versions have executions of their own. */
  superseded: number;
  /** Already handled by their own executions, which run or have delivered meanwhile. */
  alreadyHandled: number;
  /** How many failed, by error. */
  failed: Record<string, number>;
  failures: { key: string; error: string }[];
}

/** Failed images that are listed one by one; all have an error file, too. */
const MAX_LISTED = 10_000;

const Ended = v.object({ status: v.picklist(['DELIVERED', 'SUPERSEDED', 'ALREADY_HANDLED']) });
/** A child execution that failed, as Step Functions describes it: `Cause` describes the failed removal in turn. */
const Failed = v.object({
  Input: v.fallback(v.string(), '{}'),
  Status: v.fallback(v.string(), 'FAILED'),
  Error: v.fallback(v.optional(v.string()), undefined),
  Cause: v.fallback(v.string(), ''),
});

/** Counts the results of the Map Run with this manifest. */
export async function outcomesOf(s3: S3Client, bucket: string, manifestKey: string | undefined): Promise<Outcomes> {
  const outcomes: Outcomes = { delivered: 0, superseded: 0, alreadyHandled: 0, failed: {}, failures: [] };
  if (manifestKey === undefined) return outcomes;
  const counters = { DELIVERED: 'delivered', SUPERSEDED: 'superseded', ALREADY_HANDLED: 'alreadyHandled' } as const;
  for await (const output of mapResults(s3, { bucket, manifestKey }, 'SUCCEEDED')) {
    outcomes[counters[v.parse(Ended, output).status]]++;
  }
  for await (const execution of mapResults(s3, { bucket, manifestKey }, 'FAILED')) {
    const { Input, Status, Error: name, Cause } = v.parse(Failed, execution);
    // One that was stopped has no error.
    const error = (field(Cause, 'Error') as string | undefined) ?? name ?? Status;
    outcomes.failed[error] = (outcomes.failed[error] ?? 0) + 1;
    const { key } = (field(Input, 'input') ?? {}) as { key?: string };
    if (outcomes.failures.length < MAX_LISTED) outcomes.failures.push({ key: key ?? '', error });
  }
  return outcomes;
}

/** A field of a JSON object in a text; undefined if the text is none. */
function field(text: string, name: string): unknown {
  try {
    return (JSON.parse(text) as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}
