/**
 * AWS's list prices for us-east-1 in US dollars, without free tiers and discounts, as known in November 2026: check
 * them against the pages named here before you rely on them.
 */
export const PRICES_AS_OF = 'us-east-1 list prices as known in November 2026';

export const PRICES = {
  /** Standard workflows. https://aws.amazon.com/step-functions/pricing/ */
  transition: 0.025 / 1_000,
  /** https://aws.amazon.com/lambda/pricing/ */
  request: 0.2 / 1_000_000,
  /** arm64, the first tier. Same page. */
  gbSecond: 0.0000133334,
  /** S3 Standard: PUT, COPY, POST and LIST. https://aws.amazon.com/s3/pricing/ */
  s3Put: 0.005 / 1_000,
  /** S3 Standard: GET, HEAD and all other requests. Same page. */
  s3Get: 0.0004 / 1_000,
  /** Standard queues, each request of up to 64 KB. https://aws.amazon.com/sqs/pricing/ */
  sqs: 0.4 / 1_000_000,
  /** On demand, an item of up to 1 KB. https://aws.amazon.com/dynamodb/pricing/on-demand/ */
  dynamoDbWrite: 0.625 / 1_000_000,
  /** On demand, up to 4 KB, strongly consistent. Same page. */
  dynamoDbRead: 0.125 / 1_000_000,
  /** https://aws.amazon.com/secrets-manager/pricing/ */
  secretRead: 0.05 / 10_000,
  /** Logs of functions, a GB taken in. https://aws.amazon.com/cloudwatch/pricing/ */
  logGb: 0.5,
} as const;

/**
 * Free, so not in the tables: events of AWS's own services on the default bus (https://aws.amazon.com/eventbridge/pricing/)
 * and function URLs, whose invocations are Lambda requests (https://aws.amazon.com/lambda/pricing/). Left out, because
 * it is the same for all: the storage of images, their transfer to the gateway, traces, and Lambda's idle polling of a queue.
 */
