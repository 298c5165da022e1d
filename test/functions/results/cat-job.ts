import type { Job } from '../../../functions/job.ts';

/** An upload, and the job of its first submission once the gateway has completed it. */
export const SOURCE = { bucket: 'uploads', key: 'photos/猫.jpg', versionId: 'v1', etag: 'abc' };
export const CAT_JOB: Job = {
  execution: 'cat-0123',
  source: SOURCE,
  submission: 1,
  submissionId: 'cat-0123#1',
  requestId: 'id-1',
  submittedAt: '2026-03-31T10:00:00.000Z',
  status: 'COMPLETED',
  waitSeconds: 5,
};
