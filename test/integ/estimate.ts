/**
 * What one run costs on AWS. List prices of us-east-1 in US dollars, without free tiers, from AWS's pricing pages as copied
 * in 2026; the counts are those of the cases, rounded up.
 */
const HOURS = 1;
const MONTH_HOURS = 730;

interface Item {
  what: string;
  /** How many, and of what. */
  count: number;
  price: number;
}

/** Executions of all cases together: two for each of 250 images, and some 200 of all others. */
const EXECUTIONS = 900;

export const ITEMS: readonly Item[] = [
  // 5 to 8 states for an image, 3 more for each further poll, and a backfill's own.
  { what: 'Step Functions: state transitions', count: EXECUTIONS * 20, price: 0.025 / 1_000 },
  { what: 'Lambda: requests', count: EXECUTIONS * 15, price: 0.2 / 1_000_000 },
  { what: 'Lambda: Cutout’s functions, GB-s', count: EXECUTIONS * 2, price: 0.0000133334 },
  // It sleeps until callbacks are due, two of them for over five minutes.
  { what: 'Lambda: the simulated gateway, GB-s', count: EXECUTIONS * 4 + 2_000, price: 0.0000133334 },
  { what: 'S3: writes and lists', count: EXECUTIONS * 30, price: 0.005 / 1_000 },
  { what: 'S3: reads', count: EXECUTIONS * 60, price: 0.0004 / 1_000 },
  { what: 'CloudWatch: logs, GB', count: 0.2, price: 0.5 },
  { what: 'CloudWatch: 48 alarms, hours', count: 48 * HOURS, price: 0.1 / MONTH_HOURS },
  { what: 'CloudWatch: 6 dashboards, hours', count: 6 * HOURS, price: 3 / MONTH_HOURS },
  { what: 'CloudWatch: some 70 metrics of its own, hours', count: 70 * HOURS, price: 0.3 / MONTH_HOURS },
  { what: 'X-Ray: traces', count: EXECUTIONS * 10, price: 5 / 1_000_000 },
  { what: 'KMS: a key, hours', count: HOURS, price: 1 / MONTH_HOURS },
  { what: 'Secrets Manager: a secret, hours', count: HOURS, price: 0.4 / MONTH_HOURS },
  { what: 'KMS, SQS, EventBridge, DynamoDB, secrets: requests', count: EXECUTIONS * 30, price: 1 / 1_000_000 },
];

/** About how long a run takes, most of it CloudFormation's, and looks of keep-pause, five minutes apart; in minutes. */
const ESTIMATED_MINUTES = 60;

/** What a run costs about, in US dollars. */
function estimatedUsd(): number {
  return ITEMS.reduce((sum, { count, price }) => sum + count * price, 0);
}

/** What a run costs, in words. */
export function costInWords(): string {
  const lines = ITEMS.map(({ what, count, price }) => `  $${(count * price).toFixed(3)}  ${what}`);
  const total = `about $${estimatedUsd().toFixed(2)} for a run of some ${ESTIMATED_MINUTES} minutes`;
  return [`This costs ${total}, by AWS's list prices without free tiers, and nothing at any gateway:`, ...lines].join(
    '\n',
  );
}
