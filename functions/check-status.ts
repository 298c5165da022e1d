import * as v from 'valibot';
import { CutoutError } from './errors.ts';
import { Gateway } from './gateway/client.ts';
import { ask, waitSeconds } from './gateway/polling.ts';
import { type Job, parse, parseJob, publicSource } from './job.ts';
import { settlesInSeconds } from './results/standing.ts';
import { apiKey } from './runtime/api-key.ts';
import { env } from './runtime/env.ts';
import { handlerOf, logger } from './runtime/handler.ts';

const gateway = new Gateway({ url: env('GATEWAY_URL'), apiKey });
const timeoutSeconds = Number(env('TIMEOUT_MINUTES')) * 60;
/** Submissions of an image while the gateway answers ERROR, which it does not charge; each redrive allows as many more. */
const MAX_SUBMISSIONS = 3;

/** Some interpreters of the definition, unlike AWS's, have no number of redrives, or null. */
const Event = v.object({ redriveCount: v.nullish(v.number(), 0), job: v.unknown() });

/** Polls the status of the job once. What it returns, `Finished?` reads. */
export const handler = handlerOf(async (event: unknown): Promise<Job> => {
  const { redriveCount, job: state } = parse(Event, event, 'The event');
  const job = parseJob(state);
  const { execution, source, requestId, submission } = job;
  logger.appendKeys({ execution, source: publicSource(source), requestId });
  // Nothing was submitted: wait, then let Submit look once more, as after ERROR.
  if (job.status === 'STANDING') return { ...job, status: 'SETTLING', waitSeconds: settlesInSeconds(job.uploadedAt) };
  if (job.status === 'SETTLING') return { ...job, status: 'ERROR' };
  // Submit has said how it ends.
  if (requestId === null || job.standing !== undefined) return job;

  const ageSeconds = (Date.now() - Date.parse(job.submittedAt)) / 1000;
  const { status, said, error, mediaUrls, completedAt, retryAfterSeconds } = await ask(gateway, requestId, ageSeconds);
  logger[status === 'UNKNOWN' ? 'warn' : 'info']('polled', { status, said, error, ageSeconds: Math.round(ageSeconds) });
  const reason = error ? `: ${error}` : '';

  if (status === 'COMPLETED') {
    return { ...job, status, mediaUrls, completedAt: completedAt ?? new Date().toISOString() };
  }
  if (status === 'FAILED') {
    throw new CutoutError(
      'RemovalFailed',
      `The gateway could not remove the background${reason} (request ${requestId})`,
    );
  }
  if (status === 'ERROR') {
    if (submission < MAX_SUBMISSIONS * (redriveCount + 1)) return { ...job, status };
    throw new CutoutError('RemovalError', `The gateway had a system error with all ${submission} submissions${reason}`);
  }
  const remainingSeconds = timeoutSeconds - ageSeconds;
  if (remainingSeconds <= 0) {
    const minutes = Math.round(ageSeconds / 60);
    throw new CutoutError('JobTimedOut', `Request ${requestId} was still ${said} ${minutes} min after acceptance`);
  }
  return { ...job, status, waitSeconds: waitSeconds({ ageSeconds, remainingSeconds, retryAfterSeconds }) };
});
