import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { DistributedMap, ItemBatcher, StateMachineType, TaskInput } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { functionTask } from '../parts/state-machine.ts';
import { EXPRESS_RETRY } from './retry.ts';
import { FolderOfBackfill, ListedObjects } from './s3.ts';

/** Label of the Map state in the ARNs of its Map Runs. */
export const SELECT_LABEL = 'Select';

/** Objects that one child execution looks at: its output stays far below Step Functions' 256 KiB. */
const BATCH = 100;
/** Batches at once: with 16 objects each at once, some 2,000 requests/s to S3, which allows 5,500. */
const BATCHES_AT_ONCE = 10;

export interface SelectProps {
  /** The function that looks at a batch. */
  readonly select: IFunction;
  readonly uploads: IBucket;
  readonly results: IBucket;
}

/** Looks at every object that the listing of the uploads bucket names, in batches. */
export function selectAll(scope: Construct, { select, uploads, results }: SelectProps): DistributedMap {
  const map = new DistributedMap(scope, 'Select images', {
    label: SELECT_LABEL,
    itemReader: new ListedObjects(uploads),
    itemBatcher: new ItemBatcher({
      maxItemsPerBatch: BATCH,
      // As in the states language, because the CDK puts this in as it is.
      batchInput: {
        'prefix.$': '$.backfill.prefix',
        'startedAt.$': '$.backfill.startedAt',
        'retryFailed.$': '$.backfill.retryFailed',
      },
    }),
    maxConcurrency: BATCHES_AT_ONCE,
    // Short, and harmless if it runs twice.
    mapExecutionType: StateMachineType.EXPRESS,
    resultWriterV2: new FolderOfBackfill(results, 'selected'),
    resultPath: '$.selected',
  });
  return map.itemProcessor(
    functionTask(scope, 'Look', {
      function: select,
      payload: TaskInput.fromJsonPathAt('$'),
      retry: EXPRESS_RETRY,
      timeout: Duration.minutes(1),
    }),
  );
}
