import type { Answer, JobOutcome, WebhookBehaviour } from '../../../local/gateway/behaviour.ts';

/** How a submission is answered, as far as a function URL can. */
export type SubmitSwitch = 'accept' | 'html' | 'redirect' | 'hang' | 'no-request-id' | 'accept-then-500' | Answer;

/** How a status request is answered, as far as a function URL can. */
export type StatusSwitch = 'normal' | 'html' | 'hang' | Answer | { document: Record<string, unknown> };

/** How a result is served, as far as a function URL can. */
export type DownloadSwitch = 'normal' | 'html' | 'truncated' | Answer;

/**
 * What the simulated gateway does with the images of one case, as an object in its bucket. Lists are for the first
 * requests of the case, one after the other; what comes after them is answered as the documentation says.
 */
export interface Switches {
  submits?: SubmitSwitch[];
  /** Of each job of the case, the first polls. */
  statuses?: StatusSwitch[];
  /** How the jobs end, in the order of their acceptance. @default 'COMPLETED' */
  outcomes?: JobOutcome[];
  /** Of each result, the first downloads. */
  downloads?: DownloadSwitch[];
  /** From acceptance to the end of a job, in milliseconds. @default 2,000 */
  durationMs?: number;
  /** Size of the result in bytes. @default some 150: a pixel, and the hash of the image it was made from */
  resultBytes?: number;
  webhook?: {
    /** @default 'send' */
    behaviour?: WebhookBehaviour;
    /** How long after the job's end the gateway calls back, in milliseconds. @default 0 */
    delayMs?: number;
    /** Whether it calls back even before the submission is answered. The job must take no time, then. */
    early?: boolean;
    /** Whether somebody who knows the address calls back before with a false body. */
    forged?: boolean;
  };
}

/** What of the local gateway's behaviours no function URL can do, and why: never run on AWS. */
export const NOT_OFFERED: Record<string, string> = {
  'connections that are reset, before or in the middle of an answer': 'Lambda ends each answer properly',
  'downloads that are cut below their Content-Length, or without one': 'Lambda frames each answer itself',
  'compressed results, and connections that stay open': 'the headers are Lambda’s own',
  'refused connections, names without an address, bad certificates': 'the address of a function URL always answers',
  'HTTP/2 and IPv6 of the real gateway and its CDN': 'whether it has them is not documented',
};

/** Marks all that belongs to one case: it stands in the keys of its images. */
export const TOKEN = /\bcase-[0-9a-f]{12}\b/;

/** Keys of the gateway's bucket. */
export const KEYS = {
  /** The API keys that are good now. */
  apiKeys: 'api-keys.json',
  switches: (token: string) => `switches/${token}.json`,
  /** One object for each submission that came, whatever became of it. */
  submissions: (token: string) => `submissions/${token}/`,
  /** One object for each submission that was accepted. */
  accepted: (token: string) => `accepted/${token}/`,
  /** One object for each call of a webhook. */
  callbacks: (token: string) => `callbacks/${token}/`,
  job: (requestId: string) => `jobs/${requestId}.json`,
  polls: (requestId: string) => `polls/${requestId}/`,
  downloads: (requestId: string) => `downloads/${requestId}/`,
  /** What came of the image: made once. */
  made: (requestId: string) => `made/${requestId}.json`,
  result: (requestId: string) => `results/${requestId}.png`,
};
