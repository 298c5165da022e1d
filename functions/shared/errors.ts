/**
 * Every way an image can fail, and what to do about it.
 *
 * A name here is the same in code, in the `Retry` table of the state machine, in the execution's error, in
 * `<key>.error.json` and in README. Names are string literals because a minifier renames classes. A message is made for
 * people: it says what happened, then the remedy, and never carries a URL, a key or a token.
 */
export const REMEDIES = {
  InvalidInput:
    'Start the execution with {"bucket", "key"} of an object in the uploads bucket, or with {"imageUrl", "resultKey"}.',
  ImageNotFound: 'Upload the image again.',
  NotAnImage: 'Upload a picture (JPEG, PNG, WebP, …); what counts are its bytes, not its name.',
  ImageTooLarge: 'Upload a smaller version of the picture.',
  ApiKeyNotSet: 'Store the API key with the command in the stack output SetApiKeyCommand, then redrive the execution.',
  BadRequest: 'See what the gateway says; once the model is available, redrive the execution.',
  Unauthorized:
    'Store a valid API key with the command in the stack output SetApiKeyCommand, then redrive the execution.',
  InsufficientBalance: "Top up the gateway's wallet, then redrive the execution.",
  Forbidden: 'Check that the API key is entitled to this model, then redrive the execution.',
  NotFound: 'The gateway does not know the request or the address; check the setting gatewayUrl, then upload again.',
  TooManyRequests:
    'Lower the setting maxConcurrency or ask the gateway for a higher limit, then redrive the execution.',
  GatewayUnreachable: 'Check the setting gatewayUrl and that the gateway is up, then redrive the execution.',
  OutcomeUnknown:
    'The gateway may or may not have accepted (and charged) the image; redriving the execution submits it once more.',
  RemovalFailed: 'Redriving cannot help; look at the picture and upload it again.',
  RemovalError: 'The gateway does not charge for this; redriving the execution tries again.',
  JobTimedOut: 'Redriving the execution asks the gateway once more; otherwise upload the image again.',
  DownloadFailed: 'Redrive the execution; if the result is gone from the gateway, upload the image again.',
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

/** Base of all errors a function of Cutout throws on purpose; {@link name} decides whether Step Functions retries. */
export abstract class CutoutError extends Error {
  abstract override readonly name: ErrorName;

  /** @param what What happened, in words for people; the remedy is added. */
  constructor(name: ErrorName, what: string, options?: ErrorOptions) {
    super(explain(name, what), options);
  }
}

/** The execution input, or an event, is not what the contract says. */
export class InvalidInput extends CutoutError {
  override readonly name = 'InvalidInput';
  constructor(what: string) {
    super('InvalidInput', what);
  }
}

/** The source object or URL has nothing to read (any more). */
export class ImageNotFound extends CutoutError {
  override readonly name = 'ImageNotFound';
  constructor(what: string) {
    super('ImageNotFound', what);
  }
}

/** The source is empty, or its first bytes are those of no image format. */
export class NotAnImage extends CutoutError {
  override readonly name = 'NotAnImage';
  constructor(what: string) {
    super('NotAnImage', what);
  }
}

/** The source is larger than `MAX_IMAGE_BYTES`. */
export class ImageTooLarge extends CutoutError {
  override readonly name = 'ImageTooLarge';
  constructor(what: string) {
    super('ImageTooLarge', what);
  }
}

/** The secret holds no API key yet. */
export class ApiKeyNotSet extends CutoutError {
  override readonly name = 'ApiKeyNotSet';
  constructor(what: string) {
    super('ApiKeyNotSet', what);
  }
}

/** The gateway answered ERROR to the last submission the execution may make. */
export class RemovalError extends CutoutError {
  override readonly name = 'RemovalError';
  constructor(what: string) {
    super('RemovalError', what);
  }
}

/** The job was still working when the setting `timeoutMinutes` had passed since its acceptance. */
export class JobTimedOut extends CutoutError {
  override readonly name = 'JobTimedOut';
  constructor(what: string) {
    super('JobTimedOut', what);
  }
}

/** The result could not be fetched whole: a status other than 200, a broken or stalled connection. Retried. */
export class DownloadFailed extends CutoutError {
  override readonly name = 'DownloadFailed';
  constructor(what: string, options?: ErrorOptions) {
    super('DownloadFailed', what, options);
  }
}

/** A media URL, or a redirect from one, leads outside the setting `resultHosts`. */
export class UntrustedResultUrl extends CutoutError {
  override readonly name = 'UntrustedResultUrl';
  constructor(what: string) {
    super('UntrustedResultUrl', what);
  }
}

/** The result is no image by its own bytes, or there is none. */
export class InvalidResult extends CutoutError {
  override readonly name = 'InvalidResult';
  constructor(what: string) {
    super('InvalidResult', what);
  }
}

/** The result is larger than `MAX_RESULT_BYTES`. */
export class ResultTooLarge extends CutoutError {
  override readonly name = 'ResultTooLarge';
  constructor(what: string) {
    super('ResultTooLarge', what);
  }
}

/** Anything nobody planned for: a bug, a missing permission, an AWS service that stayed unavailable. */
export class InternalError extends CutoutError {
  override readonly name = 'InternalError';
  constructor(what: string, options?: ErrorOptions) {
    super('InternalError', what, options);
  }
}
