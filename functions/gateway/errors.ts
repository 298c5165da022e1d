import { CutoutError } from '../errors.ts';

/**
 * The gateway's answers that are no success, one class each. Only {@link OutcomeUnknown} and its kin leave open
 * whether a submission was accepted; after every other one it surely was not.
 */
export abstract class GatewayError extends CutoutError {
  /** HTTP status of the answer; none if no answer came. */
  readonly status: number | undefined;
  /** The answer's `Retry-After`, in seconds from its arrival, if it had one. */
  readonly retryAfterSeconds: number | undefined;

  constructor(what: string, details: GatewayErrorDetails = {}) {
    super(what, { cause: details.cause });
    this.status = details.status;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}

export interface GatewayErrorDetails {
  status?: number;
  retryAfterSeconds?: number | undefined;
  cause?: unknown;
}

/** 400, for instance "Model not found". */
export class BadRequest extends GatewayError {
  static override readonly errorName = 'BadRequest';
}

/** 401: the API key is not valid. */
export class Unauthorized extends GatewayError {
  static override readonly errorName = 'Unauthorized';
}

/** 402: the wallet is empty. */
export class InsufficientBalance extends GatewayError {
  static override readonly errorName = 'InsufficientBalance';
}

/** 403: the API key may not do this. */
export class Forbidden extends GatewayError {
  static override readonly errorName = 'Forbidden';
}

/** 404: no such address, or no such request. */
export class NotFound extends GatewayError {
  static override readonly errorName = 'NotFound';
}

/** 429: too many requests; {@link retryAfterSeconds} if the gateway says when to come back. */
export class TooManyRequests extends GatewayError {
  static override readonly errorName = 'TooManyRequests';
}

/** No connection came about (refused, no such host): nothing was sent. */
export class GatewayUnreachable extends GatewayError {
  static override readonly errorName = 'GatewayUnreachable';
}

/** The request was sent, and no usable answer came back. */
export abstract class OutcomeUnknown extends GatewayError {
  static override readonly errorName = 'OutcomeUnknown';
}

/** 500, and every other 5xx. */
export class ServerError extends OutcomeUnknown {}

/** The answer took longer than the time limit. */
export class NoAnswerInTime extends OutcomeUnknown {}

/** The connection was lost before the answer was there. */
export class ConnectionLost extends OutcomeUnknown {}

/** An answer the documentation does not know: HTML, other JSON, a 202 without a request id, an undocumented status. */
export class UnusableAnswer extends OutcomeUnknown {}

/** How long a new request may be unknown to the status endpoint, in seconds. */
const UNKNOWN_AT_FIRST_SECONDS = 120;

/** Whether a question for a job's status that failed so may be answered the next time. @param ageSeconds The job's age. */
export function mayPass(error: unknown, ageSeconds: number): error is GatewayError {
  return (
    error instanceof TooManyRequests ||
    error instanceof GatewayUnreachable ||
    error instanceof OutcomeUnknown ||
    (error instanceof NotFound && ageSeconds < UNKNOWN_AT_FIRST_SECONDS)
  );
}
