import type { ErrorRow } from './error-row.ts';

/**
 * Every way an image can fail, and what to do about it: the one place that says so. The Retry table, backfills, the
 * commands and the documentation derive from it.
 *
 * A name is the same in code, in the `Retry` table of the state machine, in the execution's error, in `<key>.error.json`
 * and in the documentation. A message is made for people: it says what happened, then the remedy, and carries no key, no
 * token, and of a URL only host and path.
 */
export const ERRORS = {
  InvalidInput: {
    means: "the execution's input is wrong; the message names the field",
    remedy:
      'Start the execution with {"bucket", "key"} of an object in the uploads bucket, or with {"imageUrl", "resultKey"}; ' +
      'a backfill with {"prefix"} and its limits.',
    withoutStack: 'Check the options.',
    retried: 'no',
    redriveHelps: false,
    redrivePays: 'no',
  },
  ImageNotFound: {
    means: 'there is no such object, or nothing at the image URL (any more)',
    remedy: 'Upload the image again, or give an image URL that leads to one.',
    retried: 'no',
    redriveHelps: false,
    redrivePays: 'no',
  },
  ImageRefused: {
    means: 'the server of the image URL refuses to send the image; nothing was paid',
    remedy: 'Start an execution with a URL that anybody can fetch, presigned for instance, and that has not expired.',
    retried: 'no',
    redriveHelps: true,
    redrivePays: 'in Submit',
  },
  ImageArchived: {
    means: 'the object is in an archive storage class; nothing was paid',
    remedy: 'Restore the object from its archive (aws s3api restore-object), then redrive the execution.',
    retried: 'no',
    redriveHelps: true,
    redrivePays: 'in Submit',
  },
  ImageUnreadable: {
    means:
      'S3 cannot decrypt the object: its KMS key is disabled or gone, or it was encrypted with a key of its own (SSE-C)',
    remedy: 'Enable its KMS key, then redrive the execution; or upload the image again with another encryption.',
    retried: 'no',
    redriveHelps: true,
    redrivePays: 'in Submit',
  },
  NotAnImage: {
    means: 'the file is empty, broken, or not an image by its first bytes; nothing was paid',
    remedy: 'Upload a picture; its bytes count, not its name.',
    retried: 'no',
    redriveHelps: false,
    redrivePays: 'no',
  },
  UnsupportedFormat: {
    means: 'the file is an image of a format that the model does not read; nothing was paid',
    remedy: 'Upload the converted picture; the setting imageFormats names the formats that are submitted.',
    retried: 'no',
    redriveHelps: false,
    redrivePays: 'no',
  },
  ImageTooLarge: {
    means: 'the image has more bytes or pixels than the limit; nothing was paid',
    remedy: 'Upload a smaller version of the picture.',
    retried: 'no',
    redriveHelps: false,
    redrivePays: 'no',
  },
  ApiKeyNotSet: {
    means: 'the secret holds no usable API key',
    remedy: 'Store the API key with the command in the stack output SetApiKeyCommand, then redrive the execution.',
    retried: 'no',
    redriveHelps: true,
    redrivePays: 'in Submit',
    pauses: 'until one is accepted',
  },
  BadRequest: {
    means: 'the gateway answered 400, for instance because the model is disabled',
    remedy: 'See what the gateway says; once the model is available, redrive the execution.',
    withoutStack: 'Nothing was charged. See what the gateway says of the URL or the model, then run this again.',
    retried: 'no',
    redriveHelps: true,
    redrivePays: 'in Submit',
  },
  Unauthorized: {
    means: 'the gateway answered 401, also with the API key read afresh',
    remedy: 'Store a valid API key with the command in the stack output SetApiKeyCommand, then redrive the execution.',
    withoutStack: 'Nothing was charged. Set PIXAZO_API_KEY to a valid API key.',
    retried: 'no',
    redriveHelps: true,
    redrivePays: 'in Submit',
    pauses: 'until one is accepted',
  },
  InsufficientBalance: {
    means: 'the gateway answered 402: the wallet is empty',
    remedy: "Top up the gateway's wallet, then redrive the execution.",
    withoutStack: "Nothing was charged. Top up the gateway's wallet, then run this again.",
    retried: 'no',
    redriveHelps: true,
    redrivePays: 'in Submit',
    pauses: 'until one is accepted',
  },
  Forbidden: {
    means: 'the gateway answered 403',
    remedy: 'Check that the API key is entitled to this model, then redrive the execution.',
    withoutStack: 'Nothing was charged. Check that the API key is entitled to this model.',
    retried: 'no',
    redriveHelps: true,
    redrivePays: 'in Submit',
    pauses: 'until one is accepted',
  },
  DailyLimitReached: {
    means: 'as many images as `imagesPerDay` allows have been submitted on this day (UTC); nothing was paid',
    remedy: 'After 00:00 UTC, or with a higher imagesPerDay, redrive the execution.',
    retried: 'once, within a minute',
    redriveHelps: true,
    redrivePays: 'in Submit',
    pauses: 'until 00:00 UTC',
  },
  NotFound: {
    means: 'the gateway answered 404; for the status of a request, for over two minutes',
    remedy: 'Check the setting gatewayUrl, then redrive; if the gateway has lost the request, upload the image again.',
    withoutStack:
      'Check --gateway-url and, if given, --request-id: the gateway may also have forgotten an old request.',
    retried: 'no',
    redriveHelps: true,
    redrivePays: 'in Submit',
  },
  TooManyRequests: {
    means: 'the gateway answered 429',
    remedy: 'Set or lower uploadsPerMinute, or ask the gateway for a higher limit, then redrive the execution.',
    withoutStack: 'Nothing was charged. Wait for some minutes, or ask the gateway for a higher limit.',
    retried: 'for over two hours',
    redriveHelps: true,
    redrivePays: 'in Submit',
  },
  GatewayUnreachable: {
    means: 'nothing could be sent: connection refused, no such host',
    remedy: 'Check the setting gatewayUrl and that the gateway is up, then redrive the execution.',
    withoutStack: 'Nothing was charged. Check --gateway-url, the network, and that the gateway is up.',
    retried: 'for over two hours',
    redriveHelps: true,
    redrivePays: 'in Submit',
  },
  OutcomeUnknown: {
    means: 'the submission was sent and no usable answer came: it may have been accepted, and charged',
    remedy:
      'The gateway may or may not have accepted (and charged) the image; redriving the execution submits it once more.',
    withoutStack:
      'The gateway may or may not have accepted, and charged, the image, so it is not submitted again by itself. ' +
      'Running this again submits it once more.',
    retried: 'three times: after 4, 16 and 60 min',
    redriveHelps: true,
    redrivePays: 'in Submit',
  },
  RemovalFailed: {
    means: 'the status of the request is FAILED',
    remedy: 'Redriving cannot help; look at the picture and upload it again.',
    withoutStack: 'Look at the picture: whether it can be fetched by its URL from anywhere, and is a plain image.',
    retried: 'no',
    redriveHelps: false,
    redrivePays: 'no',
  },
  RemovalError: {
    means: 'the status of three requests for the image was ERROR, which the gateway does not charge',
    remedy: 'The gateway does not charge for this; redriving the execution tries again.',
    withoutStack: 'The gateway does not charge for this. Run this again.',
    retried: 'no',
    redriveHelps: true,
    redrivePays: 'yes',
  },
  JobTimedOut: {
    means: 'the job was still working after `timeoutMinutes`',
    remedy: 'Redriving the execution asks the gateway once more; otherwise upload the image again.',
    withoutStack: 'It is not given up, only no longer waited for.',
    retried: 'no',
    redriveHelps: true,
    redrivePays: 'no',
  },
  DownloadFailed: {
    means: 'the result could not be fetched whole, or the server of the image URL failed',
    remedy: 'Redrive the execution; if what it fetches is gone for good, upload the image again.',
    withoutStack: 'The cutout is paid for and made; it was only not fetched.',
    retried: 'for about an hour',
    redriveHelps: true,
    redrivePays: 'in Submit',
  },
  ResultExpired: {
    means: 'the gateway does not keep the result any more',
    remedy: 'Upload the image again, which is paid again; redriving cannot help.',
    withoutStack: 'Submit the image again, which is paid again.',
    retried: 'no',
    redriveHelps: false,
    redrivePays: 'no',
  },
  UntrustedResultUrl: {
    means: 'the result lies on, or redirects to, a host that is not in `resultHosts`',
    remedy: 'If the host is the gateway’s, add it to the setting resultHosts, deploy, then redrive the execution.',
    withoutStack: "If the host is the gateway's, name it in --result-hosts.",
    retried: 'no',
    redriveHelps: true,
    redrivePays: 'no',
  },
  InvalidResult: {
    means: 'the result is not an image by its own bytes, or its first one is neither PNG nor WebP',
    remedy: 'Redriving the execution fetches the result once more; otherwise upload the image again.',
    withoutStack: 'Nothing was saved of it.',
    retried: 'no',
    redriveHelps: true,
    redrivePays: 'no',
  },
  ResultTooLarge: {
    means: 'the result has more than 1 GiB',
    remedy: 'Upload a smaller version of the picture.',
    withoutStack: 'Submit a smaller version of the picture.',
    retried: 'no',
    redriveHelps: false,
    redrivePays: 'no',
  },
  InternalError: {
    means: 'something unforeseen: a missing permission, an AWS service that stayed unavailable, a crash',
    remedy: 'See the log of the function; once the reason is gone, redrive the execution.',
    retried: 'for about an hour',
    redriveHelps: true,
    redrivePays: 'in Submit',
  },
  Aborted: {
    means: 'somebody stopped the execution',
    remedy: 'Redriving continues the execution.',
    retried: 'no',
    redriveHelps: true,
    redrivePays: 'in Submit',
  },
} as const satisfies Record<string, ErrorRow>;

/** The names an error of Cutout can carry. */
export type ErrorName = keyof typeof ERRORS;

/** All names, in the order of the table. */
export const ERROR_NAMES = Object.keys(ERRORS) as ErrorName[];

/** The row of a name. */
export function rowOf(name: ErrorName): ErrorRow {
  return ERRORS[name];
}

/** Names whose rows are as asked for. */
export function errorsWhere(is: (row: ErrorRow) => boolean): ErrorName[] {
  return ERROR_NAMES.filter((name) => is(ERRORS[name]));
}

/** Whether redriving an execution that failed in `state` submits its image, which is paid. */
export function redrivePays(name: ErrorName, state: string | undefined): boolean {
  const { redrivePays } = ERRORS[name];
  return redrivePays === 'in Submit' ? state === 'Submit' : redrivePays === 'yes';
}

/** Whether `name` is one of Cutout's own error names, and not AWS's name for a crash such as `Sandbox.Timedout`. */
export function isErrorName(name: string | undefined): name is ErrorName {
  return name !== undefined && Object.hasOwn(ERRORS, name);
}

/** `what`, ended as a sentence, followed by the remedy for `name`. */
export function explain(name: ErrorName, what: string): string {
  const sentence = /[.!?]$/.test(what) ? what : `${what}.`;
  return `${sentence} ${ERRORS[name].remedy}`;
}

export interface CutoutErrorOptions extends ErrorOptions {
  /** The gateway's `Retry-After`, in seconds from the arrival of its answer. @default - it named none */
  readonly retryAfterSeconds?: number | undefined;
  /** The HTTP status of the answer in place of what was fetched. @default - there was no answer, or it was of use */
  readonly httpStatus?: number | undefined;
}

/** What every function of Cutout throws on purpose. Its name decides whether Step Functions retries. */
export class CutoutError extends Error {
  // A literal of the table: a minifier would rename a class.
  override readonly name: ErrorName;
  readonly retryAfterSeconds: number | undefined;
  readonly httpStatus: number | undefined;

  /** @param what What happened, in words for people; the remedy is added. */
  constructor(name: ErrorName, what: string, { retryAfterSeconds, httpStatus, ...options }: CutoutErrorOptions = {}) {
    super(explain(name, what), options);
    this.name = name;
    this.retryAfterSeconds = retryAfterSeconds;
    this.httpStatus = httpStatus;
  }
}

/** Whether an error is one of Cutout's with one of these names. */
export function isError(error: unknown, ...names: ErrorName[]): error is CutoutError {
  return error instanceof CutoutError && (names.length === 0 || names.includes(error.name));
}
