/**
 * AWS's list prices for us-east-1 in US dollars, without free tiers and discounts. Looked up on 22 November 2026: in
 * copies of AWS's price list of July to October 2026 where a date stands beside a price, otherwise in copies of the page
 * that is named, whose date is not known. Check them there before you rely on them.
 */
export const PRICES_AS_OF = 'us-east-1 list prices, looked up on 22 November 2026';

export const PRICES = {
  /** Standard workflows; a retry is one, too. https://aws.amazon.com/step-functions/pricing/ */
  transition: 0.025 / 1_000,
  /** List of 6 September 2026. https://aws.amazon.com/lambda/pricing/ */
  request: 0.2 / 1_000_000,
  /** arm64, the first tier. Same list and page. */
  gbSecond: 0.0000133334,
  /** S3 Standard: PUT, COPY, POST and LIST. List of 28 September 2026. https://aws.amazon.com/s3/pricing/ */
  s3Put: 0.005 / 1_000,
  /** S3 Standard: GET, HEAD and all other requests. Same list and page. */
  s3Get: 0.0004 / 1_000,
  /** An S3 event: one of those that AWS calls opt-in data events. https://aws.amazon.com/eventbridge/pricing/ */
  event: 1 / 1_000_000,
  /** Standard queues, each request of up to 64 KB. List of 8 October 2026. https://aws.amazon.com/sqs/pricing/ */
  sqs: 0.4 / 1_000_000,
  /** On demand, an item of up to 1 KB. List of 6 September 2026. https://aws.amazon.com/dynamodb/pricing/on-demand/ */
  dynamoDbWrite: 0.625 / 1_000_000,
  /** https://aws.amazon.com/secrets-manager/pricing/ */
  secretRead: 0.05 / 10_000,
  /** Logs of functions and of state machines, a GB taken in. List of 22 September 2026. https://aws.amazon.com/cloudwatch/pricing/ */
  logGb: 0.5,
} as const;

/**
 * Free, so not in the tables: function URLs, whose invocations are Lambda requests (https://aws.amazon.com/lambda/pricing/).
 * Left out, because it is the same for all: the storage of images, their transfer to the gateway, traces, and Lambda's
 * idle polling of a queue.
 */
