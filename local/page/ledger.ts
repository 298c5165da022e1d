import { normalized } from '../../functions/images/url.ts';
import { decoded } from '../gateway/server.ts';
import type { GatewaySimulator, Submission } from '../gateway.ts';
import type { Execution } from '../step-functions.ts';

/** What is read of the gateway. */
export type Counted = Pick<GatewaySimulator, 'submissions' | 'find' | 'noteOf'>;

/** What is known of the source in an execution's input, which anybody may write. */
interface Input {
  bucket?: unknown;
  key?: unknown;
  versionId?: unknown;
  imageUrl?: unknown;
}

/** Whose submissions are whose: the gateway sees nothing but the image's URL. */
export class Ledger {
  readonly #gateway: Counted;
  readonly #executions: () => readonly Execution[];
  readonly #known = new WeakMap<Submission, Execution>();

  constructor(gateway: Counted, executions: () => readonly Execution[]) {
    this.#gateway = gateway;
    this.#executions = executions;
  }

  /** The execution that made a submission; undefined if none did, as the command remove-background submits, too. */
  executionOf(submission: Submission): Execution | undefined {
    const known = this.#known.get(submission);
    if (known) return known;
    const possible = this.#executions().filter(
      (execution) => wasUnderWay(execution, submission.at) && reads(execution, submission),
    );
    const found = this.#fewest(possible.filter(isSubmitting)) ?? possible.at(-1);
    if (found) this.#known.set(submission, found);
    return found;
  }

  /** Executions of the same image that submit at the same time have the same to expect: each gets its share. */
  #fewest(executions: Execution[]): Execution | undefined {
    const countOf = (execution: Execution) =>
      this.#gateway.submissions.filter((each) => this.#known.get(each) === execution).length;
    return executions.toSorted((a, b) => countOf(a) - countOf(b))[0];
  }

  submissionsOf(execution: Execution): Submission[] {
    return this.#gateway.submissions.filter((submission) => this.executionOf(submission) === execution);
  }

  /** The execution that a job was made for. */
  executionOfJob(requestId: string | undefined): Execution | undefined {
    const submission = this.#gateway.submissions.find((each) => each.requestId === requestId);
    return submission && this.executionOf(submission);
  }

  /** What became of a submission, in the gateway's words. */
  statusOf({ requestId }: Submission): string {
    const job = requestId === undefined ? undefined : this.#gateway.find(requestId);
    return job === undefined ? 'REFUSED' : (job.ending?.status ?? 'ACCEPTED');
  }

  /** What the stand-in for the model has to say of its work. */
  noteOf({ requestId }: Submission): string | undefined {
    return this.#gateway.noteOf(requestId);
  }

  /** Whether a submission is paid for: it was accepted, and its job has not ended in ERROR. */
  isPaid(submission: Submission): boolean {
    return !['REFUSED', 'ERROR'].includes(this.statusOf(submission));
  }
}

/** The input of an execution, as far as it is an object. */
export function inputOf({ input }: Execution): Input {
  const parsed: unknown = JSON.parse(input);
  return typeof parsed === 'object' && parsed !== null ? parsed : {};
}

function wasUnderWay({ startDate, stopDate = Number.POSITIVE_INFINITY }: Execution, at: number): boolean {
  return startDate <= at && at <= stopDate;
}

/** Tells executions of the same image apart that run at the same time. */
function isSubmitting({ history }: Execution): boolean {
  const last = history.findLast((event) => event.stateEnteredEventDetails || event.stateExitedEventDetails);
  return last?.stateEnteredEventDetails?.name === 'Submit';
}

/** Whether the URL that was submitted leads to the source of an execution. */
function reads(execution: Execution, { imageUrl }: Submission): boolean {
  const { bucket, key, versionId, imageUrl: source } = inputOf(execution);
  if (typeof source === 'string') return URL.canParse(source) && normalized(source) === imageUrl;
  const url = URL.parse(imageUrl);
  if (url === null || decoded(url.pathname) !== `/${bucket}/${key}`) return false;
  return versionId === undefined || versionId === url.searchParams.get('versionId');
}
