import { Arn, ArnFormat, Aws, Duration } from 'aws-cdk-lib';
import { Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import {
  Choice,
  Condition,
  DistributedMap,
  Errors,
  Fail,
  type IChainable,
  type IItemReader,
  IntegrationPattern,
  ItemBatcher,
  JitterType,
  JsonPath,
  OutputType,
  Pass,
  Result,
  ResultWriterV2,
  type RetryProps,
  S3JsonLItemReader,
  S3ManifestItemReader,
  S3ObjectsItemReader,
  type StateMachine,
  StateMachineType,
  Succeed,
  TaskInput,
  Transformation,
  Wait,
  WaitTime,
  WriterConfig,
} from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsService, StepFunctionsStartExecution } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { STEPFUNCTIONS_USE_DISTRIBUTED_MAP_RESULT_WRITER_V2 } from 'aws-cdk-lib/cx-api';
import { Construct } from 'constructs';
import { type ErrorName, errorsWhere } from '../functions/errors.ts';
import { BucketAccess } from './bucket-access.ts';
import { BundledFunction, type BundledFunctionProps, type Permission } from './functions.ts';
import { acceptWildcard } from './nag.ts';
import { START_RETRY } from './remove-background.ts';
import { functionTask, LoggedStateMachine } from './state-machine.ts';

/** Objects that one child execution looks at: what it puts out stays far under Step Functions' 256 KiB. */
const BATCH = 100;
/** Batches that are looked at, at once: with 16 objects each at once, some 2,000 requests/s to S3, which allows 5,500. */
const BATCHES_AT_ONCE = 10;
/** For reading and writing lists of millions of images; Lambda's own limit. */
const LISTS_TIMEOUT = Duration.minutes(15);
/** Longest that a backfill may run: ten million images at three a second take 39 days. */
const BACKSTOP = Duration.days(90);

/** AWS's documentation has this error with and without the ending. */
const NAME_TAKEN = ['StepFunctions.ExecutionAlreadyExists', 'StepFunctions.ExecutionAlreadyExistsException'];

/** Nothing here pays; what is retried is work that can be done again. */
const RETRY: RetryProps[] = [
  { errors: ['InvalidInput'], maxAttempts: 0 },
  {
    errors: [Errors.ALL],
    interval: Duration.seconds(2),
    backoffRate: 2,
    maxDelay: Duration.minutes(1),
    maxAttempts: 8,
    jitterStrategy: JitterType.FULL,
  },
];

/** The Map states; their Map Runs' ARNs hold these names without spaces. */
const SELECT_LISTED = 'Select listed';
const SELECT_INVENTORIED = 'Select inventoried';
const REMOVE = 'Remove';

/** Four tries of a minute each at most, within the five minutes that an Express execution may take. */
const LOOK_RETRY = RETRY.map((retry) => ({ ...retry, maxAttempts: Math.min(3, retry.maxAttempts ?? 0) }));

export interface BackfillProps {
  /** Name of the deployment that log lines are told apart by. */
  readonly deployment: string;
  /** The state machine that removes the background of one image. */
  readonly removal: StateMachine;
  readonly uploads: BucketAccess;
  readonly results: BucketAccess;
  /** Where S3 Inventory writes its reports. @default - none */
  readonly inventory?: IBucket | undefined;
  /** Says to functions which objects are uploads, and where results go. */
  readonly environment: Record<string, string>;
}

/**
 * A state machine that submits everything in the uploads bucket that has no result: it looks at all objects, counts and
 * prices what there is to do, does it unless it was asked for a dry run, and writes a report.
 *
 * Prepare → Select (Map) → Plan → Anything to do? → Remove backgrounds (Map) → Report
 */
export class Backfill extends Construct {
  readonly stateMachine: StateMachine;
  readonly #props: BackfillProps;

  constructor(scope: Construct, id: string, props: BackfillProps) {
    super(scope, id);
    this.#props = props;
    // Results in JSON Lines are read as they stream; without this flag, the CDK leaves out how they are written.
    this.node.setContext(STEPFUNCTIONS_USE_DISTRIBUTED_MAP_RESULT_WRITER_V2, true);

    const { uploads, results, inventory } = props;
    const ownFiles = (...actions: string[]) => results.objects(actions, 'backfills/*');
    const prepare = this.function('Prepare', 'prepare-backfill', {
      description: 'Checks the input of a backfill',
      permissions: inventory ? readable(inventory, '*manifest.json') : [],
    });
    const select = this.function('Select', 'select-images', {
      description: 'Finds out which objects of a batch are images without a result',
      permissions: [
        uploads.objects(['s3:GetObject']),
        uploads.list(),
        results.list(),
        results.objects(['s3:GetObject'], '*.error.json'),
        ...results.decrypt(),
      ],
    });
    const plan = this.function('Plan', 'plan-backfill', {
      description: 'Counts and prices the images that a backfill found',
      timeout: LISTS_TIMEOUT,
      permissions: [ownFiles('s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'), ...results.encryptParts()],
    });
    const report = this.function('Report', 'report-backfill', {
      description: 'Counts what came of a backfill, and writes its report',
      timeout: LISTS_TIMEOUT,
      permissions: [ownFiles('s3:GetObject', 's3:PutObject'), results.list(), ...results.encryptParts()],
    });

    const begin = this.task('Prepare backfill', prepare, {
      stateMachineArn: JsonPath.stringAt('$$.StateMachine.Id'),
      startedAt: JsonPath.stringAt('$$.Execution.StartTime'),
      input: JsonPath.objectAt('$'),
    });
    const planned = this.task('Plan backfill', plan, {
      backfill: JsonPath.objectAt('$.backfill'),
      manifestKey: JsonPath.stringAt('$.selected.ResultWriterDetails.Key'),
    });
    const reported = this.task('Report backfill', report, { state: JsonPath.objectAt('$') });

    const selected = this.selections(select, planned);
    const isDryRun = Condition.booleanEquals('$.backfill.dryRun', true);
    const isNothing = Condition.numberEquals('$.plan.images', 0);
    const tooMany = new Fail(this, 'Too many failures', { error: 'TooManyFailures', causePath: '$.summary' });
    begin.next(selected);
    planned.next(
      new Choice(this, 'Anything to do?')
        .when(Condition.or(isDryRun, isNothing), reported)
        .otherwise(this.removals(select, reported).next(reported)),
    );
    reported.next(
      new Choice(this, 'How did it go?')
        .when(Condition.stringEquals('$.status', 'TOO_MANY_FAILURES'), tooMany)
        .otherwise(new Succeed(this, 'Done')),
    );

    this.stateMachine = new LoggedStateMachine(this, 'StateMachine', {
      comment: 'Removes the background of all images in the uploads bucket that have no result',
      definition: begin,
      functions: [prepare, select, plan, report],
      timeout: BACKSTOP,
    });
    // A policy of its own, because the state machine itself depends on this function.
    const others = new PolicyStatement({
      actions: ['states:ListExecutions'],
      resources: [this.stateMachine.stateMachineArn],
    });
    new Policy(this, 'SeeOthers', { statements: [others] }).attachToRole(prepare.ownRole);
    this.allow([
      uploads.list(),
      ownFiles('s3:GetObject', 's3:PutObject', 's3:ListMultipartUploadParts', 's3:AbortMultipartUpload'),
      ...results.encryptMapResults(),
      ...(inventory ? readable(inventory) : []),
    ]);
  }

  private function(
    id: string,
    bundle: string,
    props: Pick<BundledFunctionProps, 'description' | 'permissions' | 'timeout'>,
  ): BundledFunction {
    const { deployment, environment, inventory } = this.#props;
    const inventoryBucket = inventory && { INVENTORY_BUCKET: inventory.bucketName };
    return new BundledFunction(this, id, {
      bundle,
      deployment,
      environment: { ...environment, ...inventoryBucket },
      ...props,
    });
  }

  private task(id: string, lambdaFunction: IFunction, payload: Record<string, unknown>) {
    const execution = JsonPath.stringAt('$$.Execution.Name');
    return functionTask(this, id, {
      function: lambdaFunction,
      payload: TaskInput.fromObject({ execution, ...payload }),
      retry: RETRY,
      timeout: LISTS_TIMEOUT,
    });
  }

  /** Looks at what the bucket's listing, or an inventory, says there is. */
  private selections(select: IFunction, next: IChainable): IChainable {
    const { uploads, inventory } = this.#props;
    const listed = this.selection(SELECT_LISTED, select, new OfBucket(uploads.bucket));
    listed.next(next);
    if (inventory === undefined) return listed;
    const inventoried = this.selection(SELECT_INVENTORIED, select, new OfInventory(inventory));
    inventoried.next(next);
    return new Choice(this, 'Which source?')
      .when(Condition.stringEquals('$.backfill.source', 'INVENTORY'), inventoried)
      .otherwise(listed);
  }

  /** Looks at all objects that a reader yields, in batches. */
  private selection(id: string, select: IFunction, itemReader: IItemReader): DistributedMap {
    const map = new DistributedMap(this, id, {
      label: labelOf(id),
      itemReader,
      itemBatcher: new ItemBatcher({
        maxItemsPerBatch: BATCH,
        // As in the states language, because the CDK puts this in as it is.
        batchInput: {
          'source.$': '$.backfill.source',
          'prefix.$': '$.backfill.prefix',
          'startedAt.$': '$.backfill.startedAt',
          'retryFailed.$': '$.backfill.retryFailed',
        },
      }),
      maxConcurrency: BATCHES_AT_ONCE,
      // Short, and harmless if it runs twice.
      mapExecutionType: StateMachineType.EXPRESS,
      resultWriterV2: this.writer('selected'),
      resultPath: '$.selected',
    });
    return map.itemProcessor(
      functionTask(this, `${id}: look`, {
        function: select,
        payload: TaskInput.fromJsonPathAt('$'),
        retry: LOOK_RETRY,
        timeout: Duration.minutes(1),
      }),
    );
  }

  /** Submits all images of the plan's list, and waits for each. */
  private removals(select: IFunction, tooManyFailed: IChainable): DistributedMap {
    const { results } = this.#props;
    const map = new DistributedMap(this, REMOVE, {
      label: labelOf(REMOVE),
      itemReader: new OfLines({ bucket: results.bucket, key: JsonPath.stringAt('$.plan.imagesKey') }),
      maxConcurrencyPath: '$.backfill.maxConcurrency',
      toleratedFailurePercentagePath: '$.backfill.toleratedFailurePercentage',
      resultWriterV2: this.writer('removed'),
      resultPath: '$.removed',
    });
    map.addCatch(tooManyFailed, { errors: ['States.ExceedToleratedFailureThreshold'], resultPath: '$.failure' });
    return map.itemProcessor(this.removal(select));
  }

  /**
   * Submits one image under the name that its upload event would give the execution, so that both are one. If that
   * name is taken, the execution of that name decides: what runs, or has left a result, is seen to; what failed is
   * redriven, because it may have been paid for; and only what cannot be redriven is submitted anew.
   */
  private removal(select: IFunction): IChainable {
    const start = this.start('Remove background', '$.name');
    const earlier = this.describe('Earlier execution', '$.earlier');
    const lookAgain = functionTask(this, 'Look again', {
      function: select,
      payload: TaskInput.fromObject({
        BatchInput: {
          source: 'LISTING',
          prefix: JsonPath.stringAt('$.input.key'),
          startedAt: JsonPath.stringAt('$.startedAt'),
          retryFailed: true,
        },
        Items: [{ Key: JsonPath.stringAt('$.input.key') }],
      }),
      resultPath: '$.look',
      retry: RETRY,
    });
    const seenTo = new Pass(this, 'Seen to', { result: Result.fromObject({ status: 'SEEN_TO' }) });
    const error = '$.earlier.Error';
    const hopeless = errorsWhere(({ redriveHelps }) => !redriveHelps);
    const isHopeless = Condition.and(
      Condition.isPresent(error),
      Condition.or(...hopeless.map((name) => Condition.stringEquals(error, name))),
    );
    start.addCatch(earlier, { errors: NAME_TAKEN, resultPath: '$.taken' });
    earlier.next(
      new Choice(this, 'How did it end?')
        .when(Condition.stringEquals('$.earlier.Status', 'RUNNING'), seenTo)
        .when(isHopeless, lookAgain)
        .when(Condition.stringEquals('$.earlier.RedriveStatus', 'REDRIVABLE'), this.redrive())
        .otherwise(lookAgain),
    );
    lookAgain.next(
      new Choice(this, 'Still without a result?')
        .when(Condition.isPresent('$.look.output.images[0]'), this.start('Remove background anew', '$.nextName'))
        .otherwise(seenTo),
    );
    return start;
  }

  /** Lets the earlier execution go on where it stopped, and waits for it. */
  private redrive(): IChainable {
    const { removal } = this.#props;
    const redrive = new CallAwsService(this, 'Redrive', {
      service: 'sfn',
      action: 'redriveExecution',
      iamAction: 'states:RedriveExecution',
      iamResources: [executionArn(removal.stateMachineName, ':*')],
      parameters: { ExecutionArn: JsonPath.stringAt('$.earlier.ExecutionArn') },
      resultPath: JsonPath.DISCARD,
    });
    const wait = new Wait(this, 'Wait for it', { time: WaitTime.duration(Duration.seconds(15)) });
    const redriven = this.describe('Redriven execution', '$.redriven');
    const ended = new Pass(this, 'Redriven', {
      parameters: { 'output.$': 'States.StringToJson($.redriven.Output)' },
      outputPath: '$.output',
    });
    const statusIs = (status: string) => Condition.stringEquals('$.redriven.Status', status);
    const failedAgain = new Fail(this, 'Failed again', {
      errorPath: '$.redriven.Error',
      causePath: '$.redriven.Cause',
    });
    redrive.next(wait).next(redriven);
    redriven.next(
      new Choice(this, 'Redriven to its end?')
        .when(statusIs('RUNNING'), wait)
        .when(statusIs('SUCCEEDED'), ended)
        .when(Condition.isPresent('$.redriven.Error'), failedAgain)
        .otherwise(new Fail(this, 'Stopped', { error: 'Aborted' satisfies ErrorName })),
    );
    return redrive;
  }

  /** What became of the execution that has the image's name. */
  private describe(id: string, resultPath: string): CallAwsService {
    const { removal } = this.#props;
    const execution = JsonPath.format(executionArn(removal.stateMachineName, ':{}'), JsonPath.stringAt('$.name'));
    const describe = new CallAwsService(this, id, {
      service: 'sfn',
      action: 'describeExecution',
      iamAction: 'states:DescribeExecution',
      iamResources: [executionArn(removal.stateMachineName, ':*')],
      parameters: { ExecutionArn: execution },
      resultPath,
    });
    // Of these, Step Functions answers about 15 a second.
    describe.addRetry({ ...RETRY[1], maxAttempts: 20 });
    return describe;
  }

  private start(id: string, name: string): StepFunctionsStartExecution {
    const start = new StepFunctionsStartExecution(this, id, {
      stateMachine: this.#props.removal,
      name: JsonPath.stringAt(name),
      input: TaskInput.fromJsonPathAt('$.input'),
      integrationPattern: IntegrationPattern.RUN_JOB,
      resultSelector: { 'status.$': '$.Output.status' },
    });
    for (const retry of START_RETRY) start.addRetry(retry);
    return start;
  }

  private writer(folder: string): ResultWriterV2 {
    return new ToFolder({
      bucket: this.#props.results.bucket,
      prefix: JsonPath.format(`{}${folder}`, JsonPath.stringAt('$.backfill.reportPrefix')),
      writerConfig: new WriterConfig({ transformation: Transformation.COMPACT, outputType: OutputType.JSONL }),
    });
  }

  private allow(permissions: Permission[]): void {
    for (const { actions, resources, wildcard } of permissions) {
      this.stateMachine.addToRolePolicy(new PolicyStatement({ actions, resources }));
      if (wildcard) for (const resource of resources) acceptWildcard(this.stateMachine, resource, wildcard);
    }
    const { stateMachine } = this;
    const { removal } = this.#props;
    const reason = 'Executions of these two state machines; the CDK grants what starting and watching them takes.';
    acceptWildcard(stateMachine, executionArn(removal.stateMachineName, ':*'), reason);
    acceptWildcard(stateMachine, executionArn(nameIn(removal), '*'), reason);
    acceptWildcard(stateMachine, executionArn(nameIn(stateMachine), ':*'), reason);
    for (const state of [SELECT_LISTED, ...(this.#props.inventory ? [SELECT_INVENTORIED] : []), REMOVE]) {
      acceptWildcard(stateMachine, executionArn(nameIn(stateMachine), `/${labelOf(state)}:*`), reason);
    }
  }
}

// The CDK's readers and writers would permit whole buckets; what they need is permitted above, within prefixes.

class OfBucket extends S3ObjectsItemReader {
  constructor(bucket: IBucket) {
    super({ bucket, prefix: JsonPath.stringAt('$.backfill.prefix') });
  }

  override providePolicyStatements(): PolicyStatement[] {
    return [];
  }
}

class OfInventory extends S3ManifestItemReader {
  constructor(bucket: IBucket) {
    super({ bucket, key: JsonPath.stringAt('$.backfill.manifestKey') });
  }

  override providePolicyStatements(): PolicyStatement[] {
    return [];
  }
}

class OfLines extends S3JsonLItemReader {
  override providePolicyStatements(): PolicyStatement[] {
    return [];
  }
}

class ToFolder extends ResultWriterV2 {
  override providePolicyStatements(): PolicyStatement[] {
    return [];
  }
}

/** To read the reports of an inventory, wherever they lie in its bucket. */
function readable(inventory: IBucket, keys = '*'): Permission[] {
  const access = new BucketAccess(inventory, '');
  return [access.objects(['s3:GetObject'], keys), ...access.decrypt()];
}

/** The ARN of executions, as the CDK puts it together. */
function executionArn(stateMachineName: string, which: string): string {
  return Arn.format({
    partition: Aws.PARTITION,
    region: Aws.REGION,
    account: Aws.ACCOUNT_ID,
    service: 'states',
    resource: 'execution',
    resourceName: stateMachineName + which,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

/** The name of a state machine, as the CDK takes it from its ARN. */
function nameIn({ stateMachineArn }: StateMachine): string {
  return Arn.split(stateMachineArn, ArnFormat.COLON_RESOURCE_NAME).resourceName ?? '';
}

function labelOf(state: string): string {
  return state.replaceAll(' ', '');
}
