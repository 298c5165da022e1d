/*
 * What the page shows, as JSON. No imports: the browser's code, which knows nothing of Node, reads it too.
 */

/** An image: its execution, where it lies, and what it cost. */
export interface Row {
  /** Name of the execution. */
  name: string;
  arn: string;
  /** The file's name, or the last part of the URL. */
  title: string;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';
  /** Whether a newer upload took its place, so that nothing was stored. */
  isSuperseded: boolean;
  /** When the execution began, in milliseconds since 1970. */
  startedAt: number;
  /** How long it has taken, in milliseconds; undefined while it runs. */
  ms?: number | undefined;
  /** Where the image lies: an S3 URI or a URL, or the name of a file. */
  source: string;
  /** Where the cutout lies, and what it is. */
  result?: { place: string; contentType: string; bytes: number } | undefined;
  /** Addresses of the two pictures. */
  before?: string | undefined;
  after?: string | undefined;
  /** What the gateway was told to do, unless it does as documented. */
  day?: string | undefined;
  /** What the stand-in for the model has to say of its work. */
  note?: string | undefined;
  /** As the gateway has them, in their order. */
  submissions: SubmissionRow[];
  states: StateRow[];
  error?: ErrorRow | undefined;
}

/** One submission to the gateway. */
export interface SubmissionRow {
  /** Milliseconds from the execution's start. */
  at: number;
  /** The request id, if a job was made, whether or not the answer arrived. */
  requestId?: string | undefined;
  /** What became of it, in a word: REFUSED, or the status of its job. */
  status: string;
  isPaid: boolean;
}

/** One stay in a state. */
export interface StateRow {
  name: string;
  /** Milliseconds from the execution's start. */
  at: number;
  /** How long it took, in milliseconds; undefined while the execution is in it. */
  ms?: number | undefined;
  hasFailed: boolean;
  /** Whether it is where a redrive began. */
  isRedriven: boolean;
  /** Failed attempts and waits, in their order. */
  notes: (FailureNote | WaitNote | Remark)[];
  input: unknown;
  /** Undefined until it is left. */
  output?: unknown;
}

export interface FailureNote {
  type: 'failure';
  at: number;
  error: string;
  message: string;
}

export interface WaitNote {
  type: 'wait';
  at: number;
  kind: 'time' | 'attempt' | 'callback';
  /** How long it lasts here, at most, and by the definition, in milliseconds. */
  ms: number;
  askedMs: number;
}

export interface Remark {
  type: 'remark';
  at: number;
  text: string;
}

/** Why there is no cutout. */
export interface ErrorRow {
  /** A name of the table of errors. */
  name: string;
  cause: string;
  remedy: string;
  /** Where the error file lies; undefined until it is written. */
  file?: string | undefined;
  redriveHelps: boolean;
  /** Whether a redrive submits the image, which is paid. */
  redrivePays: boolean;
}

/** What the simulated gateway can be told to do. */
export interface DayRow {
  id: string;
  title: string;
  /** What happens, and what comes of it. */
  says: string;
  /** Whether it makes sense in webhook mode only. */
  needsWebhook: boolean;
}

/** A command to copy. */
export interface Command {
  title: string;
  command: string;
}

/** Why uploads are held back, and how many. */
export interface PauseNote {
  /** A name of the table of errors. */
  reason: string;
  remedy: string;
  waiting: number;
  /** How long they are held back. */
  pauses?: 'until one is accepted' | 'until 00:00 UTC' | undefined;
}

/** What the page shows besides its rows. */
export interface Controls {
  webhook: boolean;
  /** While the stack is deployed again. */
  isDeploying: boolean;
  shorten: boolean;
  /** Id of the day. */
  day: string;
  days: DayRow[];
  /** Undefined unless uploads are held back. */
  pause?: PauseNote | undefined;
  /** Names of the samples. */
  samples: string[];
  commands: Command[];
  /** As the gateway counts them, whoever sent them. */
  sent: number;
  paid: number;
  pricePerImage: number;
}

/** What `out/index.html` shows, which nobody serves. */
export interface Still {
  madeAt: string;
  rows: Row[];
  pricePerImage: number;
}
