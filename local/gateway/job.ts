import { randomBytes } from 'node:crypto';
import type { JobOutcome } from './behaviour.ts';

export const modelId = 'bria-rmbg-2-0-682';

/** What the status endpoint answers, and a webhook is sent. The documented ERROR form has no times. */
export interface StatusDocument {
  request_id: string;
  status: 'QUEUED' | 'PROCESSING' | 'COMPLETED' | 'FAILED' | 'ERROR';
  model_id: string;
  error: string | null;
  output: { media_url: string[]; media_type: string } | null;
  created_at?: string;
  updated_at?: string;
  completed_at?: string | null;
}

/** How a job ended: by what its result is, or by why there is none. */
export type Ending = { status: 'COMPLETED'; mediaUrls: string[] } | { status: 'FAILED' | 'ERROR'; error: string };

/** One accepted submission. */
export interface Job {
  readonly requestId: string;
  readonly imageUrl: string;
  readonly webhookUrl: string | undefined;
  readonly createdAt: number;
  /** When it goes from QUEUED to PROCESSING. */
  startsAt: number;
  /** When it ends; Infinity if never. */
  endsAt: number;
  outcome: JobOutcome;
  /** Its processing, once begun. */
  work?: Promise<Ending>;
  ending?: Ending;
  /** What the picture operation said of it. The gateway itself says no such thing, so no answer holds it. */
  note?: string;
  cancelTimer?: () => void;
}

/** A request id such as the gateway's: the model's name and a UUID that starts with the time (version 7). */
export function newRequestId(now: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  return `${modelId}_${bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}`;
}

/** What is known of a job at this time. */
export function documentOf(job: Job, now: number): StatusDocument {
  const { requestId: request_id, ending } = job;
  if (ending?.status === 'ERROR') {
    return { request_id, status: 'ERROR', model_id: modelId, error: ending.error, output: null };
  }

  const started = now >= job.startsAt;
  const changedAt = ending !== undefined ? job.endsAt : started ? job.startsAt : job.createdAt;
  return {
    request_id,
    status: ending?.status ?? (started ? 'PROCESSING' : 'QUEUED'),
    model_id: modelId,
    error: ending?.status === 'FAILED' ? ending.error : null,
    output:
      ending?.status === 'COMPLETED' ? { media_url: ending.mediaUrls, media_type: 'application/octet-stream' } : null,
    created_at: new Date(job.createdAt).toISOString(),
    updated_at: new Date(changedAt).toISOString(),
    completed_at: ending === undefined ? null : new Date(job.endsAt).toISOString(),
  };
}
