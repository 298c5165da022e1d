import {
  Choice,
  Condition,
  Errors,
  Fail,
  type IChainable,
  JsonPath,
  Pass,
  type StateMachine,
  Succeed,
  TaskInput,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import type { Buckets } from '../parts/bucket-access.ts';
import type { BundledFunction } from '../parts/function.ts';
import { functionTask } from '../parts/state-machine.ts';
import { type BackfillFunctions, LISTS_TIMEOUT } from './functions.ts';
import { removeAll } from './remove.ts';
import { TASK_RETRY } from './retry.ts';
import { selectAll } from './select.ts';

export interface DefinitionProps extends Buckets {
  readonly functions: BackfillFunctions;
  /** The state machine that removes the background of one image. */
  readonly removal: StateMachine;
}

/** Cause of a backfill whose listing, or whose results, Step Functions could not read or write. */
const MAP_RUN_FAILED =
  '{}: {} Images that were started go on. Once the reason is gone, start the backfill again: it submits none twice.';

/** Prepare → Select images (Map) → Plan → Anything to do? → Remove (Map) → Report */
export function backfillDefinition(scope: Construct, { functions, removal, ...buckets }: DefinitionProps): IChainable {
  const { uploads, results } = buckets;
  const prepare = task(scope, 'Prepare backfill', functions.prepare, {
    stateMachineArn: JsonPath.stringAt('$$.StateMachine.Id'),
    startedAt: JsonPath.stringAt('$$.Execution.StartTime'),
    input: JsonPath.objectAt('$'),
  });
  const select = selectAll(scope, { select: functions.select, uploads: uploads.bucket, results: results.bucket });
  const plan = task(scope, 'Plan backfill', functions.plan, {
    executionArn: JsonPath.stringAt('$$.Execution.Id'),
    backfill: JsonPath.objectAt('$.backfill'),
    manifestKey: JsonPath.stringAt('$.selected.ResultWriterDetails.Key'),
  });
  const remove = removeAll(scope, { select: functions.select, removal, results: results.bucket });
  const report = task(scope, 'Report backfill', functions.report, { state: JsonPath.objectAt('$') });

  const isDryRun = Condition.booleanEquals('$.backfill.dryRun', true);
  const isNothing = Condition.numberEquals('$.plan.images', 0);
  const isThereAny = new Choice(scope, 'Anything to do?')
    .when(Condition.or(isDryRun, isNothing), report)
    .otherwise(remove.next(report));
  remove.addCatch(report, { errors: ['States.ExceedToleratedFailureThreshold'], resultPath: '$.failure' });
  const mapRunFailed = new Pass(scope, 'What failed', {
    parameters: {
      cause: JsonPath.format(
        MAP_RUN_FAILED,
        JsonPath.stringAt('$.failure.Error'),
        JsonPath.stringAt('$.failure.Cause'),
      ),
    },
  });
  mapRunFailed.next(new Fail(scope, 'Map Run failed', { error: 'MapRunFailed', causePath: '$.cause' }));
  for (const map of [select, remove]) map.addCatch(mapRunFailed, { errors: [Errors.ALL], resultPath: '$.failure' });
  const failed = new Fail(scope, 'Too many failures', { error: 'TooManyFailures', causePath: '$.summary' });
  const outcome = new Choice(scope, 'How did it go?')
    .when(Condition.stringEquals('$.status', 'TOO_MANY_FAILURES'), failed)
    .otherwise(new Succeed(scope, 'Done'));

  prepare.next(select).next(plan).next(isThereAny);
  report.next(outcome);
  return prepare;
}

function task(
  scope: Construct,
  id: string,
  lambdaFunction: BundledFunction,
  payload: Record<string, unknown>,
): LambdaInvoke {
  const execution = JsonPath.stringAt('$$.Execution.Name');
  return functionTask(scope, id, {
    function: lambdaFunction,
    payload: TaskInput.fromObject({ execution, ...payload }),
    retry: TASK_RETRY,
    timeout: LISTS_TIMEOUT,
  });
}
