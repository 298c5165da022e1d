import type { CdnBehaviour, JobOutcome, StatusBehaviour, SubmitBehaviour } from '../gateway/behaviour.ts';
import type { Quota } from './quotas.ts';

/** A request that cannot reach the gateway, by the error of its socket. */
export type Unreachable = 'ECONNREFUSED' | 'ENOTFOUND';
export type PlannedSubmission = SubmitBehaviour | Unreachable;
export type PlannedPoll = StatusBehaviour | Unreachable;
/** `ends early`: below its Content-Length, and without an error. */
export type PlannedDownload =
  | Exclude<CdnBehaviour, 'gzip' | 'chunked' | 'close-delimited' | { bytes: number }>
  | 'ends early';

export interface PlannedJob {
  outcome: JobOutcome;
  seconds: number;
}

/** A POST to a job's webhook URL. */
export interface Callback {
  /** The job's acceptance, or its end. */
  from: 'start' | 'end';
  /** So many seconds after it. */
  seconds: number;
  /** Whether it comes from the gateway, or from somebody who does not know the path. */
  path: 'right' | 'wrong';
  /** What the body says: the status document, or something else that names this job's id, another one, or none. */
  says: 'the truth' | 'the id' | 'another id' | 'no id' | 'garbage' | 'nothing';
}

/** What the gateway does with what comes to it, in turn. Where a list ends, all goes well. */
export interface GatewayPlan {
  submissions?: PlannedSubmission[];
  /** @default COMPLETED after 8 s */
  jobs?: PlannedJob[];
  polls?: PlannedPoll[];
  downloads?: PlannedDownload[];
  /** The callbacks of each job that asks for one. @default - one when it ends */
  callbacks?: Callback[][];
  /** All POSTs in this time are taken so. */
  outage?: { at: number; seconds: number; as: PlannedSubmission } | undefined;
  /** Requests that it allows; it answers the others with 429. @default - as many as come */
  rate?: Quota | undefined;
}

/** A job of which the plan says nothing. */
export const USUAL_JOB: PlannedJob = { outcome: 'COMPLETED', seconds: 8 };
/** The callback of a job of which the plan says nothing. */
export const ON_TIME: Callback = { from: 'end', seconds: 0.2, path: 'right', says: 'the truth' };

export function isUnreachable(behaviour: unknown): behaviour is Unreachable {
  return behaviour === 'ECONNREFUSED' || behaviour === 'ENOTFOUND';
}
