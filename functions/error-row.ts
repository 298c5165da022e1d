/** How the state machine retries by itself, before an execution fails. `infra/` gives each its intervals. */
export type Retried =
  /** Nothing changes before a person does something. */
  | 'no'
  /** What stood in the way may pass within seconds: once more, after 45 s. */
  | 'once, within a minute'
  /** Surely not accepted, hence not paid: for over two hours. */
  | 'for over two hours'
  /** Costs nothing: for about an hour. */
  | 'for about an hour'
  /** Perhaps accepted, hence perhaps paid: after 4, 16 and 60 minutes. */
  | 'three times: after 4, 16 and 60 min';

/** What is known of the failures of one name. */
export interface ErrorRow {
  /** What happened, for the documentation. */
  readonly means: string;
  /** What to do about it; ends every message. */
  readonly remedy: string;
  /** What to do where there is no deployment, in the command remove-background. @default - the remedy's place stays empty */
  readonly withoutStack?: string;
  readonly retried: Retried;
  /** Whether redriving the execution can succeed. If not, a backfill submits such an image only on request. */
  readonly redriveHelps: boolean;
  /**
   * How long a refusal by this name holds back all uploads, because it is a reason of the account and not of the image:
   * until a submission is accepted, or until the day (UTC) is over. @default - it holds back none
   */
  readonly pauses?: 'until one is accepted' | 'until 00:00 UTC';
  /** Whether a redrive submits the image (again), which is paid: always, never, or only if it failed in `Submit`. */
  readonly redrivePays: 'yes' | 'no' | 'in Submit';
}
