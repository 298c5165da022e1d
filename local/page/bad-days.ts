import type {
  CdnBehaviour,
  GatewaySimulator,
  JobOutcome,
  Submission,
  SubmitBehaviour,
  WebhookBehaviour,
} from '../gateway.ts';
import type { Execution } from '../step-functions.ts';
import type { DayRow } from './content.ts';
import type { Ledger } from './ledger.ts';

/** How the gateway treats an image: asked with the number of the request of its kind, from 1; undefined is as documented. */
interface Day extends DayRow {
  submit?: (count: number) => SubmitBehaviour | undefined;
  outcome?: (count: number) => JobOutcome | undefined;
  /** @param result What lies there. */
  download?: (count: number, result: Buffer | undefined) => CdnBehaviour | undefined;
  webhook?: () => WebhookBehaviour;
}

const AS_DOCUMENTED: Day = {
  id: 'documented',
  title: 'As documented',
  says: 'A job takes 8 seconds, and ends COMPLETED.',
  needsWebhook: false,
};

/** Days on which the gateway does what a client of it must expect. */
export const DAYS: Day[] = [
  AS_DOCUMENTED,
  {
    id: 'busy',
    title: '429, twice',
    says: 'Two submissions are refused as too many. They cost nothing, and the third is accepted: 1 of 3 is paid.',
    needsWebhook: false,
    submit: (count) => (count <= 2 ? { status: 429 } : undefined),
  },
  {
    id: 'error',
    title: 'ERROR, twice',
    says: 'Two jobs end in ERROR, which the gateway does not charge. The image is submitted again: 1 of 3 is paid.',
    needsWebhook: false,
    outcome: (count) => (count <= 2 ? 'ERROR' : undefined),
  },
  {
    id: 'lost',
    title: 'Answer lost after acceptance',
    says:
      'The job is made, but the connection breaks before the request id arrives. After 4 minutes the image is submitted ' +
      'again, and 2 are paid; with webhook the callback tells the request id meanwhile, and 1 is paid.',
    needsWebhook: false,
    submit: (count) => (count === 1 ? 'accept-then-reset' : undefined),
  },
  {
    id: 'cut',
    title: 'Result cut in half',
    says: 'The connection breaks half-way through the result, twice. Nothing is stored before all of it is there; 1 is paid.',
    needsWebhook: false,
    download: (count) => (count <= 2 ? 'cut' : undefined),
  },
  {
    id: 'closes',
    title: 'Server that closes',
    says:
      'The server closes the connection behind the result, while nobody reads: what kills a function that downloads with ' +
      'Node’s own fetch. It is delivered at the first try; 1 is paid.',
    needsWebhook: false,
    download: (_, result) => (result ? { status: 200, body: result, headers: { connection: 'close' } } : undefined),
  },
  {
    id: 'wallet',
    title: 'Empty wallet',
    says: 'Submissions are refused until you choose another day. Then redrive: the execution goes on where it failed; 1 is paid.',
    needsWebhook: false,
    submit: () => ({ status: 402 }),
  },
  {
    id: 'webhook-lost',
    title: 'Webhook lost',
    says: 'The callback never comes. After 5 minutes the execution polls: it costs time only, and 1 is paid.',
    needsWebhook: true,
    webhook: () => 'lose',
  },
];

/** What an image has met on its day. */
interface Met {
  day: Day;
  submits: number;
  outcomes: number;
  downloads: number;
}

/** Stands for the execution of what no execution submitted: a day begins anew when it is chosen. */
const NOBODY = '';

/** Makes the days: each image has that of its start, or of its last redrive. */
export class BadDays {
  #today = AS_DOCUMENTED;
  readonly #met = new Map<string, Met>();

  constructor(gateway: GatewaySimulator, ledger: Ledger) {
    const ofSubmission = (submission: Submission) => this.#of(ledger.executionOf(submission));
    const ofJob = (requestId: string | undefined) => this.#of(ledger.executionOfJob(requestId));
    gateway.always({
      submit: (submission) => {
        const met = ofSubmission(submission);
        return met.day.submit?.(++met.submits) ?? 'accept';
      },
      outcome: (submission) => {
        const met = ofSubmission(submission);
        return met.day.outcome?.(++met.outcomes) ?? 'COMPLETED';
      },
      download: ({ path }) => {
        const met = ofJob(path.split('/')[2]);
        return met.day.download?.(++met.downloads, gateway.media.get(path)) ?? 'normal';
      },
      webhook: ({ request_id }) => ofJob(request_id).day.webhook?.() ?? 'send',
    });
  }

  get today(): DayRow {
    return this.#today;
  }

  /** @returns whether there is such a day */
  choose(id: string): boolean {
    const day = DAYS.find((each) => each.id === id);
    if (day === undefined) return false;
    this.#today = day;
    this.#met.delete(NOBODY);
    return true;
  }

  dayOf(execution: Execution): DayRow {
    return this.#of(execution).day;
  }

  #of(execution: Execution | undefined): Met {
    const id = execution ? `${execution.arn} ${execution.redriveCount}` : NOBODY;
    const met = this.#met.get(id) ?? { day: this.#today, submits: 0, outcomes: 0, downloads: 0 };
    this.#met.set(id, met);
    return met;
  }
}
