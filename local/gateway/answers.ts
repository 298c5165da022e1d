import type { Answer } from './behaviour.ts';
import { modelId } from './job.ts';

/** The bodies of refusals: those of 400 and 402 are documented, the others are made alike. */
const refusals: Record<number, { error: string; message: string }> = {
  400: { error: 'Model not found', message: `Model '${modelId}' not found or is disabled` },
  401: { error: 'Unauthorized', message: 'Access denied due to missing or invalid subscription key.' },
  402: { error: 'Insufficient Balance', message: 'Your wallet does not have enough balance.' },
  403: { error: 'Forbidden', message: 'Your subscription does not include this model.' },
  404: { error: 'Not Found', message: 'Resource not found' },
  429: { error: 'Too Many Requests', message: 'Rate limit is exceeded. Try again later.' },
  500: { error: 'Internal Server Error', message: 'Something went wrong.' },
};

/** The usual answer with this status. */
export function refusal(status: number): Answer {
  return { status, body: refusals[status] };
}

/** An answer with the usual body, unless it has its own. */
export function withBody(answer: Answer): Answer {
  return answer.body === undefined ? { ...answer, body: refusals[answer.status] } : answer;
}

/** The image's address in a submission, or the answer to one that is a bad request. */
export function readSubmission(
  headers: Record<string, string>,
  body: string | undefined,
): { imageUrl: string } | { refused: Answer } {
  const isJson = /^application\/json\b/.test(headers['content-type'] ?? '');
  if (!isJson) return badRequest('Content-Type must be application/json');
  const imageUrl = imageUrlIn(body);
  return imageUrl === undefined ? badRequest("'image_url' is required and must be a URL") : { imageUrl };
}

function badRequest(message: string): { refused: Answer } {
  return { refused: { status: 400, body: { error: 'Bad Request', message } } };
}

/** The image's address in a submission's body; undefined if there is none. */
function imageUrlIn(body: string | undefined): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body ?? '');
    if (typeof parsed !== 'object' || parsed === null || !('image_url' in parsed)) return undefined;
    const url = parsed.image_url;
    return typeof url === 'string' && /^https?:$/.test(new URL(url).protocol) ? url : undefined;
  } catch {
    return undefined;
  }
}
