import * as v from 'valibot';
import { JobTimedOut, RemovalError, RemovalFailed } from './errors.ts';
import { Gateway, type JobStatus } from './gateway/client.ts';
import { mayPass } from './gateway/errors.ts';
import { waitSeconds } from './gateway/polling.ts';
import { askAgainIn, Signal } from './gateway/signals.ts';
import { type Job, parse, parseJob, publicSource } from './job.ts';
import { apiKey } from './runtime/api-key.ts';
import { env } from './runtime/env.ts';
import { handlerOf, logger } from './runtime/handler.ts';
import { redact } from './runtime/redact.ts';

const gateway = new Gateway({ url: env('GATEWAY_URL'), apiKey });
const timeoutSeconds = Number(env('TIMEOUT_MINUTES')) * 60;
/** Submissions an image may have when the gateway says ERROR, which it does not charge; a redrive grants as many anew. */
const MAX_SUBMISSIONS = 3;
/** The statuses of the gateway's documentation; what else it may say is not taken at its word. */
const DOCUMENTED = new Set(['QUEUED', 'PROCESSING', 'COMPLETED', 'FAILED', 'ERROR']);

/** Some interpreters of the definition, unlike AWS's, have no number of redrives, or null. */
const Event = v.object({ redriveCount: v.nullish(v.number(), 0), job: v.unknown() });

/**
 * Asks the gateway where the job stands. Returns once it is COMPLETED; until then, what it throws says what the state
 * machine does next: ask again, submit again, or fail.
 */
export const handler = handlerOf(async (event: unknown): Promise<Job> => {
  const { redriveCount, job: state } = parse(Event, event, 'The event');
  const job = parseJob(state);
  const { execution, source, requestId } = job;
  logger.appendKeys({ execution, source: publicSource(source), requestId });
  if (requestId === undefined) return job;

  const ageSeconds = (Date.now() - Date.parse(job.submittedAt)) / 1000;
  const answer = await ask(requestId, ageSeconds);
  const status = DOCUMENTED.has(answer.status) ? answer.status : 'UNKNOWN';
  logger.info('asked', { status, said: redact(answer.status), ageSeconds: Math.round(ageSeconds) });

  if (status === 'COMPLETED') return { ...job, status, mediaUrls: answer.mediaUrls };
  const said = answer.error ? `: ${answer.error}` : '';
  if (status === 'FAILED') {
    throw new RemovalFailed(`The gateway could not remove the background${said} (request ${requestId})`);
  }
  if (status === 'ERROR') {
    if (job.submission < MAX_SUBMISSIONS * (redriveCount + 1))
      throw new Signal('SubmitAgain', `The gateway had a system error with request ${requestId}`);
    throw new RemovalError(`The gateway had a system error with all ${job.submission} submissions${said}`);
  }
  // QUEUED, PROCESSING, no usable answer, or a status that the documentation does not know: still working.
  const remainingSeconds = timeoutSeconds - ageSeconds;
  if (remainingSeconds <= 0) {
    throw new JobTimedOut(
      `Request ${requestId} was still ${status} ${Math.round(ageSeconds / 60)} min after acceptance`,
    );
  }
  const wait = waitSeconds({ ageSeconds, remainingSeconds, retryAfterSeconds: answer.retryAfterSeconds });
  throw new Signal(askAgainIn(wait), `Request ${requestId} is ${status}`);
});

type Standing = Pick<JobStatus, 'status' | 'error' | 'mediaUrls'> & { retryAfterSeconds?: number | undefined };

/** Where the job stands; an answer that may be better next time counts as still working. */
async function ask(requestId: string, ageSeconds: number): Promise<Standing> {
  try {
    return await gateway.status(requestId);
  } catch (error) {
    if (!mayPass(error, ageSeconds)) throw error;
    logger.warn('no status this time', { errorName: error.name, errorMessage: error.message });
    return { status: 'UNKNOWN', error: undefined, mediaUrls: [], retryAfterSeconds: error.retryAfterSeconds };
  }
}
