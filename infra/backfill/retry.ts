import { Duration } from 'aws-cdk-lib';
import { Errors, JitterType, type RetryProps } from 'aws-cdk-lib/aws-stepfunctions';
import type { ErrorName } from '../../functions/errors.ts';

const NEVER: RetryProps = { errors: ['InvalidInput' satisfies ErrorName], maxAttempts: 0 };
const AGAIN: RetryProps = {
  errors: [Errors.ALL],
  interval: Duration.seconds(2),
  backoffRate: 2,
  maxDelay: Duration.minutes(1),
  maxAttempts: 8,
  jitterStrategy: JitterType.FULL,
};

/** None of these tasks submits anything, so each can run again. */
export const TASK_RETRY: RetryProps[] = [NEVER, AGAIN];

/** At most four attempts of a minute each: an Express execution ends after five minutes. */
export const EXPRESS_RETRY: RetryProps[] = [NEVER, { ...AGAIN, maxAttempts: 3 }];

/** Step Functions answers about 15 DescribeExecution calls a second. */
export const DESCRIBE_RETRY: RetryProps = { ...AGAIN, maxAttempts: 20 };
