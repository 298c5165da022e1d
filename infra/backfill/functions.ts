import { Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { bucketVariables, type Deployment } from '../parts/bucket-access.ts';
import { BundledFunction, type BundledFunctionProps } from '../parts/function.ts';

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
  /** Endings of the keys that are uploads. @default - all keys */
  readonly uploadsSuffixes?: readonly string[] | undefined;
}

/** Makes the functions of a backfill. */
export function backfillFunctions(scope: Construct, props: BackfillFunctionsProps): BackfillFunctions {
  const { deployment, uploads, results, uploadsSuffixes = [] } = props;
  const environment = { ...bucketVariables(props), UPLOADS_SUFFIXES: uploadsSuffixes.join(',') };
  const ownFiles = (...actions: string[]) => results.objects(actions, 'backfills/*');
  type Own = Pick<BundledFunctionProps, 'bundle' | 'description' | 'permissions' | 'timeout'>;
  const make = (id: string, own: Own) => new BundledFunction(scope, id, { deployment, environment, ...own });
  return {
    prepare: make('Prepare', {
      bundle: 'prepare-backfill',
      description: 'Checks the input of a backfill',
      // That it may see other backfills is added once their state machine is there.
      permissions: [],
    }),
    select: make('Select', {
      bundle: 'select-images',
      description: 'Finds out which objects of a batch are images without a result',
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
