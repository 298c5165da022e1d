import { Duration } from 'aws-cdk-lib';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { bucketVariables, type Deployment } from '../parts/bucket-access.ts';
import { BundledFunction, type BundledFunctionProps, text } from '../parts/function.ts';

/** For reading and writing lists of millions of images: Lambda's maximum. */
export const LISTS_TIMEOUT = Duration.minutes(15);

/** The functions that the state machine of backfills invokes. */
export interface BackfillFunctions {
  readonly prepare: BundledFunction;
  readonly select: BundledFunction;
  readonly plan: BundledFunction;
  readonly report: BundledFunction;
}

export interface BackfillFunctionsProps extends Deployment {
  /** Where upload events wait for their execution. */
  readonly queue: IQueue;
  /** Upload events that could not be processed. */
  readonly deadLetterQueue: IQueue;
  /** How long a job may take from its acceptance, in whole minutes. */
  readonly timeout: Duration;
  /** Endings of the keys that are uploads. @default - all keys */
  readonly uploadsSuffixes?: readonly string[] | undefined;
}

/** Makes the functions of a backfill. */
export function backfillFunctions(scope: Construct, props: BackfillFunctionsProps): BackfillFunctions {
  const { deployment, uploads, results, queue, deadLetterQueue, uploadsSuffixes = [] } = props;
  const common = bucketVariables(props);
  const ownFiles = (...actions: string[]) => results.objects(actions, 'backfills/*');
  type Own = Omit<BundledFunctionProps, 'deployment' | 'environment'> & { environment?: Record<string, string> };
  const make = (id: string, { environment, ...own }: Own) =>
    new BundledFunction(scope, id, { deployment, environment: { ...common, ...environment }, ...own });
  return {
    prepare: make('Prepare', {
      bundle: 'prepare-backfill',
      description: 'Checks the input of a backfill',
      environment: { QUEUE_URL: queue.queueUrl, DEAD_LETTER_QUEUE_URL: deadLetterQueue.queueUrl },
      // That it may see other backfills is added once their state machine is there.
      permissions: [
        uploads.versioning(),
        { actions: ['sqs:GetQueueAttributes'], resources: [queue.queueArn, deadLetterQueue.queueArn] },
      ],
    }),
    select: make('Select', {
      bundle: 'select-images',
      description: 'Finds out which objects of a batch are images without a result',
      environment: {
        UPLOADS_SUFFIXES: uploadsSuffixes.join(','),
        TIMEOUT_MINUTES: text(props.timeout.toMinutes()),
      },
      permissions: [
        uploads.objects(['s3:GetObject']),
        uploads.list(),
        ...uploads.decrypt(),
        results.list(),
        results.objects(['s3:GetObject']),
        ...results.decrypt(),
      ],
    }),
    plan: make('Plan', {
      bundle: 'plan-backfill',
      description: 'Counts and prices the images that a backfill found',
      timeout: LISTS_TIMEOUT,
      permissions: [ownFiles('s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'), ...results.encryptParts()],
    }),
    report: make('Report', {
      bundle: 'report-backfill',
      description: 'Counts the outcomes of a backfill, and writes its report',
      timeout: LISTS_TIMEOUT,
      permissions: [ownFiles('s3:GetObject', 's3:PutObject'), results.list(), ...results.encryptParts()],
    }),
  };
}
