import { Duration } from 'aws-cdk-lib';
import {
  Condition,
  Errors,
  FieldUtils,
  IntegrationPattern,
  type IStateMachine,
  JitterType,
  JsonPath,
  QueryLanguage,
  type RetryProps,
  TaskInput,
  type TaskStateBaseProps,
  type TaskStateJsonataBaseProps,
  type TaskStateJsonPathBaseProps,
} from 'aws-cdk-lib/aws-stepfunctions';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import { ERROR_NAMES, type ErrorName } from '../functions/errors.ts';
import { checkFields } from './settings/fields.ts';
import { type Naming, refuseUnknown, refuseUnknownNames } from './settings/names.ts';
import { refuseElsewhere } from './settings/places.ts';
import { SettingError } from './settings/readers.ts';

/**
 * Which image, as a literal or as something of the state's input: `JsonPath.stringAt('$.key')`, in JSONata
 * `{% $states.input.key %}`. Either `bucket` and `key`, or `imageUrl` and `resultKey`.
 */
interface Image {
  /**
   * The uploads bucket; no other is read. What is uploaded there is processed, and paid for, without this state too.
   * @default - `imageUrl` says where the image is
   */
  readonly bucket?: string | undefined;
  /**
   * Key of the object, with the uploads prefix, at most 1,024 bytes.
   * @default - `imageUrl` says where the image is
   */
  readonly key?: string | undefined;
  /**
   * The version of the object that is meant. If it is not the current one any more, the status is SUPERSEDED.
   * @default - the one that is current when the removal begins
   */
  readonly versionId?: string | undefined;
  /**
   * In a bucket without versioning: the ETag of the object that is meant.
   * @default - the object as it is when the removal begins
   */
  readonly etag?: string | undefined;
  /**
   * An https URL of the image, presigned for instance. It must be readable for as long as the removal may be queued.
   * @default - `bucket` and `key` say where the image is
   */
  readonly imageUrl?: string | undefined;
  /**
   * With `imageUrl`: key of the result, less the results prefix; the extension is appended. At most 1,024 bytes.
   * @default - made from `key`
   */
  readonly resultKey?: string | undefined;
}

interface RemoveBackgroundOptions extends Image {
  /** The state machine of a `BackgroundRemoval`, or an imported one of the same account and region. */
  readonly stateMachine: IStateMachine;
  /**
   * Name of the removal's execution, 1–80 characters, not used by another one that ended less than 90 days ago. It must be the same
   * however often this state is retried: under another name, a retry submits, and pays for, the image once more.
   *
   * The default is the same for every retry of this state, and another one for other images, states and executions. So
   * one execution that comes here twice with the same image is refused (`StepFunctions.ExecutionAlreadyExistsException`),
   * unless the first removal still runs: then both get its result.
   *
   * It is another one after each redrive of the calling execution too, because a removal that failed keeps its name for
   * 90 days and would be refused. So redriving the caller submits, and pays for, the image once more, even if only the
   * delivery had failed. Redriving the failed removal instead (`ExecutionArn` in the Cause) goes on where it stopped and
   * writes its result, of which the caller hears nothing.
   *
   * @default - a hash of the calling execution, its redrives, this state and the image
   */
  readonly executionName?: string | undefined;
}

/** Properties of a state that uses JSONPath. */
export interface RemoveBackgroundJsonPathProps
  extends Omit<TaskStateJsonPathBaseProps, 'integrationPattern'>,
    RemoveBackgroundOptions {}

/** Properties of a state that uses JSONata. */
export interface RemoveBackgroundJsonataProps
  extends Omit<TaskStateJsonataBaseProps, 'integrationPattern'>,
    RemoveBackgroundOptions {}

/** Properties of a state that uses its state machine's query language, or the one that `queryLanguage` says. */
export interface RemoveBackgroundProps
  extends Omit<TaskStateBaseProps, 'integrationPattern'>,
    RemoveBackgroundOptions {}

/** Props of either language, which only TypeScript knows. */
const COMMON_PROPS: Readonly<Record<keyof RemoveBackgroundJsonPathProps & keyof RemoveBackgroundJsonataProps, true>> = {
  ...{ stateMachine: true, executionName: true },
  ...{ bucket: true, key: true, versionId: true, etag: true, imageUrl: true, resultKey: true },
  ...{ queryLanguage: true, stateName: true, comment: true, assign: true, credentials: true },
  ...{ timeout: true, taskTimeout: true, heartbeat: true, heartbeatTimeout: true },
};
const JSON_PATH_PROPS: Readonly<Record<keyof RemoveBackgroundJsonPathProps, true>> = {
  ...COMMON_PROPS,
  ...{ inputPath: true, outputPath: true, resultPath: true, resultSelector: true },
};
const JSONATA_PROPS: Readonly<Record<keyof RemoveBackgroundJsonataProps, true>> = { ...COMMON_PROPS, outputs: true };

/** Step Functions' limit for the name of a state, in characters. */
const MAX_STATE_NAME = 80;

/** What of the CDK's own task for executions is not to be set. */
const INSTEAD = {
  name: 'Set executionName.',
  input: 'Set bucket and key, or imageUrl and resultKey.',
  integrationPattern: 'Drop it: this state always waits for the removal.',
  associateWithParent: 'Drop it: the removal always says who started it.',
};

function naming(id: string): Naming {
  return { kind: 'prop', owner: `RemoveBackground "${id}"`, instead: INSTEAD };
}

/**
 * The Retry table of a state that runs a removal and waits for it, under a name that is the same at every attempt.
 *
 * What passes of StartExecution's errors is retried for some three minutes. All else is not, whatever is added later: a
 * removal that failed has retried what can help, and its name is taken.
 */
export const START_RETRY: RetryProps[] = [
  {
    errors: [
      ...['ThrottlingException', 'TooManyRequestsException', 'ExecutionLimitExceeded'],
      ...['ExecutionLimitExceededException', 'InternalServerException', 'ServiceUnavailableException'],
      ...['SdkClientException', 'AWSStepFunctionsException'],
    ].map((name) => `StepFunctions.${name}`),
    interval: Duration.seconds(2),
    backoffRate: 2,
    maxDelay: Duration.minutes(1),
    maxAttempts: 10,
    jitterStrategy: JitterType.FULL,
  },
  { errors: [Errors.TASKS_FAILED, Errors.TIMEOUT], maxAttempts: 0 },
];

/**
 * A task that removes the background of one image, and waits for it: a state for other people's state machines, which
 * must be Standard ones, as Express ones cannot wait for a job.
 *
 * ```ts
 * const cutOut = RemoveBackground.jsonPath(this, 'Cut out', {
 *   stateMachine: removal.stateMachine,
 *   imageUrl: JsonPath.stringAt('$.photo'),
 *   resultKey: JsonPath.stringAt('$.sku'),
 *   resultPath: '$.cutout',
 * });
 * ```
 *
 * Its result is what the removal puts out, `{status, requestId, source, results}`, unless `resultSelector` (JSONPath) or
 * `outputs` (JSONata) say otherwise.
 *
 * Transient errors of the start are retried: 10 times, for some three minutes. A removal that fails has already retried
 * what can help, and shows as `States.TaskFailed`; `States.Timeout` is that of `taskTimeout`, which stops the removal.
 * Neither these nor any other error is retried, so `addRetry()` has nothing to add: the execution's name is taken by
 * then, and a retry would only hide the error. To tell the errors apart see {@link RemoveBackground.failedWith}; in
 * JSONata the condition of a Choice after `addCatch(choice, { outputs: '{% $states.errorOutput %}' })` is
 * `{% $parse($states.input.Cause).Error = 'NotAnImage' %}`.
 *
 * The calling state machine's role is allowed to start, watch and stop the removal. Stopping the caller stops it as well.
 */
export class RemoveBackground extends StepFunctionsStartExecution {
  /** A task that uses JSONPath. @throws SettingError as the constructor does */
  static override jsonPath(scope: Construct, id: string, props: RemoveBackgroundJsonPathProps): RemoveBackground {
    refuseUnknownNames(props, Object.keys(JSON_PATH_PROPS), naming(id));
    return new RemoveBackground(scope, id, { ...props, queryLanguage: QueryLanguage.JSON_PATH });
  }

  /** A task that uses JSONata. @throws SettingError as the constructor does */
  static override jsonata(scope: Construct, id: string, props: RemoveBackgroundJsonataProps): RemoveBackground {
    refuseUnknownNames(props, Object.keys(JSONATA_PROPS), naming(id));
    return new RemoveBackground(scope, id, { ...props, queryLanguage: QueryLanguage.JSONATA });
  }

  /**
   * Whether a caught error is a removal that failed with this name, as a condition of a JSONPath Choice:
   *
   * ```ts
   * const whatFailed = new Choice(this, 'What failed?')
   *   .when(RemoveBackground.failedWith('NotAnImage', '$.error.Cause'), askForAnother)
   *   .otherwise(tellSomebody);
   * cutOut.addCatch(whatFailed, { resultPath: '$.error' });
   * ```
   *
   * What has no name of its own – a crash, a removal that somebody stopped, an error of the start – matches none.
   *
   * @param causePath Where the Catch has put the error's Cause.
   */
  static failedWith(error: Exclude<ErrorName, 'Aborted'>, causePath = '$.Cause'): Condition {
    refuseUnknown(error, ERROR_NAMES, { kind: 'error', owner: 'removals' });
    // The Cause is the execution as compact JSON, in which quotes within texts are escaped: this cannot stand in a text.
    return Condition.stringMatches(causePath, `*"Error":"${error}"*`);
  }

  readonly #image: string[];
  readonly #executionName: string | undefined;
  readonly #check: (language: QueryLanguage) => void;

  /**
   * @throws SettingError if not exactly one image is given, or if a field cannot be what it is given for, such as the text
   *   `$.url` without `JsonPath.stringAt()`
   */
  constructor(scope: Construct, id: string, props: RemoveBackgroundProps) {
    refuseUnknownNames(props, Object.keys({ ...JSON_PATH_PROPS, ...JSONATA_PROPS }), naming(id));
    const { stateMachine, bucket, key, versionId, etag, imageUrl, resultKey, executionName, ...task } = props;
    const image = { bucket, versionId, etag, key, imageUrl, resultKey };
    checkImage(id, image);
    if ([...(task.stateName ?? id)].length > MAX_STATE_NAME) {
      throw new SettingError(
        `RemoveBackground "${id}" needs a stateName: Step Functions takes ${MAX_STATE_NAME} characters.`,
      );
    }
    const check = (language: QueryLanguage) =>
      checkFields(`RemoveBackground "${id}"`, language, { ...image, executionName });
    if (task.queryLanguage !== undefined) check(task.queryLanguage);
    const remedy = 'A task starts executions of its own account and region only.';
    refuseElsewhere(scope, `stateMachine of RemoveBackground "${id}"`, stateMachine, remedy);
    super(scope, id, {
      ...task,
      stateMachine,
      input: TaskInput.fromObject(image),
      associateWithParent: true,
      integrationPattern: IntegrationPattern.RUN_JOB,
    });
    this.#image = Object.values(image).filter((field) => field !== undefined);
    this.#executionName = executionName;
    this.#check = check;
    for (const retry of START_RETRY) this.addRetry(retry);
  }

  protected override _renderTask(topLevelQueryLanguage?: QueryLanguage) {
    const language = this.queryLanguage ?? topLevelQueryLanguage ?? QueryLanguage.JSON_PATH;
    this.#check(language);
    const task = super._renderTask(topLevelQueryLanguage);
    if (language === QueryLanguage.JSONATA) {
      const Name = this.#executionName ?? this.#jsonataName();
      return {
        ...task,
        Arguments: { ...task.Arguments, Name },
        ...(this.outputs === undefined && { Output: '{% $states.result.Output %}' }),
      };
    }
    const name = FieldUtils.renderObject({ Name: this.#executionName ?? this.#jsonPathName() });
    const output = ['status', 'requestId', 'source', 'results'];
    return {
      ...task,
      Parameters: { ...task.Parameters, ...name },
      ...(this.resultSelector === undefined && {
        ResultSelector: Object.fromEntries(output.map((field) => [`${field}.$`, `$.Output.${field}`])),
      }),
    };
  }

  // Fields that are literals are the same whenever an execution comes to this state, whose address stands for them.
  #jsonPathName(): string {
    const fields = this.#image.filter((field) => JsonPath.isEncodedJsonPath(field));
    const template = `{} {} ${this.node.addr}${' {}'.repeat(fields.length)}`;
    const redrives = JsonPath.stringAt('$$.Execution.RedriveCount');
    return JsonPath.hash(JsonPath.format(template, JsonPath.executionId, redrives, ...fields), 'SHA-256');
  }

  #jsonataName(): string {
    const fields = this.#image.flatMap((field) => /^\{%(.*)%\}$/s.exec(field)?.[1] ?? []);
    const execution = '$states.context.Execution.Id, $states.context.Execution.RedriveCount';
    const parts = [execution, `'${this.node.addr}'`, ...fields.map((field) => `(${field.trim()})`)];
    return `{% $hash($string([${parts.join(', ')}]), 'SHA-256') %}`;
  }
}

/** @throws SettingError naming the settings that conflict, or the one that is missing. */
function checkImage(id: string, { bucket, key, versionId, etag, imageUrl, resultKey }: Image): void {
  const refuse = (problem: string) => {
    const settings = `bucket and key, or imageUrl and resultKey, of RemoveBackground "${id}"`;
    throw new SettingError(`Set either ${settings}: ${problem}.`);
  };
  const nameOf = (fields: Image, isGiven: boolean) =>
    Object.entries(fields).find(([, value]) => (value !== undefined) === isGiven)?.[0];
  const object = nameOf({ bucket, key, versionId, etag }, true);
  const url = nameOf({ imageUrl, resultKey }, true);
  if (object && url) refuse(`both ${object} and ${url} are set`);
  if (!object && !url) refuse('neither is set');
  const missing = nameOf(object ? { bucket, key } : { imageUrl, resultKey }, false);
  if (missing) refuse(`${missing} is missing`);
}
