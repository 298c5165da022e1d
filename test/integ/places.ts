/** Where a removal of the stack is, as one of the stack's outputs tells it. */
export interface Places {
  uploads: string;
  uploadsPrefix: string;
  results: string;
  resultsPrefix: string;
  stateMachineArn: string;
  backfillArn: string;
  queueUrl: string;
  queueArn: string;
  deadLetterQueueUrl: string;
  deadLetterQueueArn: string;
  apiKeySecretArn: string;
  /** Empty where the gateway is polled. */
  callbackUrl: string;
}

/** The removals of the stack, by the names of their outputs. */
export const REMOVALS = ['Guarded', 'Main', 'Webhook', 'Kms', 'Existing', 'Shared'] as const;
export type RemovalName = (typeof REMOVALS)[number];
