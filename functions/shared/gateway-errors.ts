import { CutoutError, type ErrorName } from './errors.ts';

/**
 * The gateway's answers that are no success, one class each. Only {@link OutcomeUnknown} and its kin leave open
 * whether a submission was accepted; after every other one it surely was not.
 */
export abstract class GatewayError extends CutoutError {
  /** HTTP status of the answer; none if no answer came. */
  readonly status: number | undefined;
  /** The answer's `Retry-After`, in seconds from its arrival, if it had one. */
  readonly retryAfterSeconds: number | undefined;

  constructor(name: ErrorName, what: string, details: GatewayErrorDetails = {}) {
    super(name, what, { cause: details.cause });
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
  override readonly name = 'BadRequest';
  constructor(what: string, details?: GatewayErrorDetails) {
    super('BadRequest', what, details);
  }
}

/** 401: the API key is not valid. */
export class Unauthorized extends GatewayError {
  override readonly name = 'Unauthorized';
  constructor(what: string, details?: GatewayErrorDetails) {
    super('Unauthorized', what, details);
  }
}

/** 402: the wallet is empty. */
export class InsufficientBalance extends GatewayError {
  override readonly name = 'InsufficientBalance';
  constructor(what: string, details?: GatewayErrorDetails) {
    super('InsufficientBalance', what, details);
  }
}

/** 403: the API key may not do this. */
export class Forbidden extends GatewayError {
  override readonly name = 'Forbidden';
  constructor(what: string, details?: GatewayErrorDetails) {
    super('Forbidden', what, details);
  }
}

/** 404: no such address, or no such request. */
export class NotFound extends GatewayError {
  override readonly name = 'NotFound';
  constructor(what: string, details?: GatewayErrorDetails) {
    super('NotFound', what, details);
  }
}

/** 429: too many requests; {@link retryAfterSeconds} if the gateway says when to come back. */
export class TooManyRequests extends GatewayError {
  override readonly name = 'TooManyRequests';
  constructor(what: string, details?: GatewayErrorDetails) {
    super('TooManyRequests', what, details);
  }
}

/** No connection came about (refused, no such host): nothing was sent. */
export class GatewayUnreachable extends GatewayError {
  override readonly name = 'GatewayUnreachable';
  constructor(what: string, details?: GatewayErrorDetails) {
    super('GatewayUnreachable', what, details);
  }
}

/** The request was sent, and no usable answer came back. */
export abstract class OutcomeUnknown extends GatewayError {
  override readonly name = 'OutcomeUnknown';
  constructor(what: string, details?: GatewayErrorDetails) {
    super('OutcomeUnknown', what, details);
  }
}

/** 500, and every other 5xx. */
export class ServerError extends OutcomeUnknown {}

/** The answer took longer than the time limit. */
export class NoAnswerInTime extends OutcomeUnknown {}

/** The connection was lost before the answer was there. */
export class ConnectionLost extends OutcomeUnknown {}

/** An answer the documentation does not know: HTML, other JSON, a 202 without a request id, an undocumented status. */
export class UnusableAnswer extends OutcomeUnknown {}
