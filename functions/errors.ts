/**
 * Every way an image can fail, and what to do about it.
 *
 * A name here is the same in code, in the `Retry` table of the state machine, in the execution's error, in
 * `<key>.error.json` and in README. Names are string literals because a minifier renames classes. A message is made for
 * people: it says what happened, then the remedy, and carries no key, no token, and of a URL only host and path.
 */
export const REMEDIES = {
  InvalidInput:
    'Start the execution with {"bucket", "key"} of an object in the uploads bucket, or with {"imageUrl", "resultKey"}; ' +
    'a backfill with {"prefix"} and its limits.',
  ImageNotFound: 'Upload the image again.',
  NotAnImage: 'Upload a picture (JPEG, PNG, WebP, …); what counts are its bytes, not its name.',
  ImageTooLarge: 'Upload a smaller version of the picture.',
  ApiKeyNotSet: 'Store the API key with the command in the stack output SetApiKeyCommand, then redrive the execution.',
  BadRequest: 'See what the gateway says; once the model is available, redrive the execution.',
  Unauthorized:
    'Store a valid API key with the command in the stack output SetApiKeyCommand, then redrive the execution.',
  InsufficientBalance: "Top up the gateway's wallet, then redrive the execution.",
  Forbidden: 'Check that the API key is entitled to this model, then redrive the execution.',
  NotFound: 'Check the setting gatewayUrl, then redrive; if the gateway has lost the request, upload the image again.',
  TooManyRequests:
    'Set or lower uploadsPerMinute (README says to what), or ask the gateway for a higher limit, then redrive the execution.',
  GatewayUnreachable: 'Check the setting gatewayUrl and that the gateway is up, then redrive the execution.',
  OutcomeUnknown:
    'The gateway may or may not have accepted (and charged) the image; redriving the execution submits it once more.',
  RemovalFailed: 'Redriving cannot help; look at the picture and upload it again.',
  RemovalError: 'The gateway does not charge for this; redriving the execution tries again.',
  JobTimedOut: 'Redriving the execution asks the gateway once more; otherwise upload the image again.',
  DownloadFailed: 'Redrive the execution; if what it fetches is gone for good, upload the image again.',
  UntrustedResultUrl:
    'If the host is the gateway’s, add it to the setting resultHosts, deploy, then redrive the execution.',
  InvalidResult: 'Redriving the execution fetches the result once more; otherwise upload the image again.',
  ResultTooLarge: 'Upload a smaller version of the picture.',
  InternalError: 'See the log of the function; once the reason is gone, redrive the execution.',
  Aborted: 'Somebody stopped the execution; redriving continues it.',
} as const;

/** The names an error of Cutout can carry. */
export type ErrorName = keyof typeof REMEDIES;

/** Whether `name` is one of Cutout's own error names, and not AWS's name for a crash such as `Sandbox.Timedout`. */
export function isErrorName(name: string | undefined): name is ErrorName {
  return name !== undefined && Object.hasOwn(REMEDIES, name);
}

/** `what`, ended as a sentence, followed by the remedy for `name`. */
export function explain(name: ErrorName, what: string): string {
  const sentence = /[.!?]$/.test(what) ? what : `${what}.`;
  return `${sentence} ${REMEDIES[name]}`;
}

/** Base of all errors a function of Cutout throws on purpose. */
export abstract class CutoutError extends Error {
  /** The name of the class's errors, as a literal: a minifier renames the class itself. */
  static readonly errorName: ErrorName;
  /** Decides whether Step Functions retries. */
  override readonly name: ErrorName;

  /** @param what What happened, in words for people; the remedy is added. */
  constructor(what: string, options?: ErrorOptions) {
    const { errorName } = new.target;
    super(explain(errorName, what), options);
    this.name = errorName;
  }
}

/** The execution input, or an event, is not what the contract says. */
export class InvalidInput extends CutoutError {
  static override readonly errorName = 'InvalidInput';
}

/** The source object or URL has nothing to read (any more). */
export class ImageNotFound extends CutoutError {
  static override readonly errorName = 'ImageNotFound';
}

/** The source is empty, or its first bytes are those of no image format. */
export class NotAnImage extends CutoutError {
  static override readonly errorName = 'NotAnImage';
}

/** The source is larger than `MAX_IMAGE_BYTES`. */
export class ImageTooLarge extends CutoutError {
  static override readonly errorName = 'ImageTooLarge';
}

/** The secret holds no API key yet. */
export class ApiKeyNotSet extends CutoutError {
  static override readonly errorName = 'ApiKeyNotSet';
}

/** The gateway said FAILED. */
export class RemovalFailed extends CutoutError {
  static override readonly errorName = 'RemovalFailed';
}

/** The gateway answered ERROR to the last submission the execution may make. */
export class RemovalError extends CutoutError {
  static override readonly errorName = 'RemovalError';
}

/** The job was still working when the setting `timeoutMinutes` had passed since its acceptance. */
export class JobTimedOut extends CutoutError {
  static override readonly errorName = 'JobTimedOut';
}

/** A result or an image URL could not be fetched: a server that fails, a broken or stalled connection. Retried. */
export class DownloadFailed extends CutoutError {
  static override readonly errorName = 'DownloadFailed';
}

/** A media URL, or a redirect from one, leads outside the setting `resultHosts`. */
export class UntrustedResultUrl extends CutoutError {
  static override readonly errorName = 'UntrustedResultUrl';
}

/** The result is no image by its own bytes, or there is none. */
export class InvalidResult extends CutoutError {
  static override readonly errorName = 'InvalidResult';
}

/** The result is larger than `MAX_RESULT_BYTES`. */
export class ResultTooLarge extends CutoutError {
  static override readonly errorName = 'ResultTooLarge';
}

/** Anything nobody planned for: a bug, a missing permission, an AWS service that stayed unavailable. */
export class InternalError extends CutoutError {
  static override readonly errorName = 'InternalError';
}
