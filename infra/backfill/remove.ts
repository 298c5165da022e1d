import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import {
  Choice,
  Condition,
  DistributedMap,
  type IChainable,
  IntegrationPattern,
  JsonPath,
  Pass,
  Result,
  type StateMachine,
  TaskInput,
} from 'aws-cdk-lib/aws-stepfunctions';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import { errorsWhere } from '../../functions/errors.ts';
import { functionTask } from '../parts/state-machine.ts';
import { START_RETRY } from '../remove-background.ts';
import { describeExecution, NOT_THERE, redriveEarlier } from './redrive.ts';
import { TASK_RETRY } from './retry.ts';
import { FolderOfBackfill, PlannedImages } from './s3.ts';

/** Label of the Map state in the ARNs of its Map Runs. */
export const REMOVE_LABEL = 'Remove';

/** AWS's documentation has this error with and without the ending. */
const NAME_TAKEN = ['StepFunctions.ExecutionAlreadyExists', 'StepFunctions.ExecutionAlreadyExistsException'];

export interface RemoveProps {
  /** The function that finds out whether an image still has no result. */
  readonly select: IFunction;
  /** The state machine that removes the background of one image. */
  readonly removal: StateMachine;
  readonly results: IBucket;
}

/** Starts an execution for each image of the plan, and waits for it. */
export function removeAll(scope: Construct, props: RemoveProps): DistributedMap {
  const map = new DistributedMap(scope, 'Remove', {
    label: REMOVE_LABEL,
    itemReader: new PlannedImages(props.results),
    maxConcurrencyPath: '$.backfill.maxConcurrency',
    toleratedFailurePercentagePath: '$.backfill.toleratedFailurePercentage',
    resultWriterV2: new FolderOfBackfill(props.results, 'removed'),
    resultPath: '$.removed',
  });
  return map.itemProcessor(removeOne(scope, props));
}

/**
 * Redrives the execution that the image's error file names, because it may have been paid for. Otherwise starts one under
 * the name that the upload event gives it, so that both are one. If that name is taken, the earlier execution decides:
 * one that runs, or has left a result, already handles the image; one that failed is redriven; only what cannot be
 * redriven is submitted anew.
 */
function removeOne(scope: Construct, { select, removal }: RemoveProps): IChainable {
  const begin = start(scope, 'Remove background', removal, '$.name');
  const earlier = describeExecution(scope, 'Earlier execution', removal, { name: '$.name', resultPath: '$.earlier' });
  const redrive = redriveEarlier(scope, removal);
  const alreadyHandled = new Pass(scope, 'Already handled', {
    result: Result.fromObject({ status: 'ALREADY_HANDLED' }),
  });
  const again = lookAgain(scope, select);
  const error = '$.earlier.Error';
  const isHopeless = Condition.and(
    Condition.isPresent(error),
    Condition.or(
      ...errorsWhere(({ redriveHelps }) => !redriveHelps).map((name) => Condition.stringEquals(error, name)),
    ),
  );
  const isRunning = Condition.stringEquals('$.earlier.Status', 'RUNNING');
  const isRedrivable = Condition.stringEquals('$.earlier.RedriveStatus', 'REDRIVABLE');
  begin.addCatch(earlier, { errors: NAME_TAKEN, resultPath: '$.taken' });
  earlier.next(
    new Choice(scope, 'How did it end?')
      .when(isRunning, alreadyHandled)
      .when(isHopeless, again)
      .when(isRedrivable, redrive)
      .otherwise(again),
  );
  again.next(
    new Choice(scope, 'Still without a result?')
      .when(
        Condition.isPresent('$.look.output.images[0]'),
        start(scope, 'Remove background anew', removal, '$.nextName'),
      )
      .otherwise(alreadyHandled),
  );

  const isThisImages = isSame('$.of.input', '$.input');
  const failed = describeExecution(scope, 'Failed execution', removal, { name: '$.failed', resultPath: '$.earlier' });
  failed.addCatch(begin, { errors: NOT_THERE, resultPath: JsonPath.DISCARD });
  failed.next(
    inputOf(scope, '$.earlier.Input', '$.of').next(
      new Choice(scope, 'Is it of this image?')
        .when(isHopeless, begin)
        .when(Condition.and(isThisImages, isRunning), alreadyHandled)
        .when(Condition.and(isThisImages, isRedrivable), redrive)
        .otherwise(begin),
    ),
  );
  return new Choice(scope, 'Has it failed before?').when(Condition.isPresent('$.failed'), failed).otherwise(begin);
}

/** Reads an execution's input, which is JSON in a text. */
function inputOf(scope: Construct, path: string, resultPath: string): Pass {
  return new Pass(scope, 'Its input', {
    parameters: { input: JsonPath.stringToJson(JsonPath.stringAt(path)) },
    resultPath,
  });
}

/** Whether two inputs name the same object. */
function isSame(one: string, other: string): Condition {
  const fields = ['bucket', 'key'].flatMap((field) => [
    Condition.isPresent(`${one}.${field}`),
    Condition.stringEqualsJsonPath(`${one}.${field}`, `${other}.${field}`),
  ]);
  return Condition.and(...fields);
}

function start(scope: Construct, id: string, removal: StateMachine, name: string): StepFunctionsStartExecution {
  const task = new StepFunctionsStartExecution(scope, id, {
    stateMachine: removal,
    name: JsonPath.stringAt(name),
    input: TaskInput.fromJsonPathAt('$.input'),
    integrationPattern: IntegrationPattern.RUN_JOB,
    resultSelector: { 'status.$': '$.Output.status' },
  });
  for (const retry of START_RETRY) task.addRetry(retry);
  return task;
}

function lookAgain(scope: Construct, select: IFunction) {
  return functionTask(scope, 'Look again', {
    function: select,
    payload: TaskInput.fromObject({
      BatchInput: {
        prefix: JsonPath.stringAt('$.input.key'),
        startedAt: JsonPath.stringAt('$.startedAt'),
        retryFailed: true,
      },
      Items: [{ Key: JsonPath.stringAt('$.input.key') }],
    }),
    resultPath: '$.look',
    retry: TASK_RETRY,
  });
}
