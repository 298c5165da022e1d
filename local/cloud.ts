import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { type AwsApi, type AwsError, serveAwsApi } from './aws-api.ts';
import { bucketsOf } from './buckets.ts';
import { accessKeysOf, type Call } from './callers.ts';
import { operationsOf } from './cloud/api.ts';
import { EventSources } from './cloud/event-sources.ts';
import { FunctionUrls } from './cloud/function-urls.ts';
import { functionsOf } from './cloud/functions.ts';
import { invokeOperation } from './cloud/invocations.ts';
import { machinesOf, stateMachineIn } from './cloud/machines.ts';
import { type CloudOptions, LOCAL_API_KEY, LOCAL_CREDENTIALS, S3_URL } from './cloud/options.ts';
import { secretsOf, tablesOf } from './cloud/resources.ts';
import { Schedules } from './cloud/schedules.ts';
import { updateItem } from './cloud/tables.ts';
import type { LocalDynamoDb } from './dynamodb.ts';
import { type DeliveredEvent, EventBus } from './event-bus.ts';
import { inputOf, type TargetInput } from './event-target.ts';
import { objectCreated, statusChange } from './events.ts';
import { GatewaySimulator } from './gateway.ts';
import { FunctionError, type FunctionFailure, type LocalFunction } from './lambda.ts';
import { addQueues, type LocalQueue } from './queue.ts';
import { LocalS3 } from './s3.ts';
import { LocalSecrets } from './secrets.ts';
import { LocalStepFunctions } from './step-functions.ts';
import { type Resource, type Synthesized, synthesizeApp, type Template } from './template.ts';

export { type CloudOptions, LOCAL_API_KEY, LOCAL_CREDENTIALS };

/**
 * A deployed stack on this machine: synthesizes the app, reads the template, and runs each function's code and the very
 * definitions of its state machines against embedded services. Nothing is faked in between.
 */
export class LocalCloud {
  readonly gateway: GatewaySimulator;
  readonly s3: LocalS3;
  readonly stepFunctions: LocalStepFunctions;
  readonly secrets = new LocalSecrets();
  readonly bus = new EventBus();
  /** Queues and functions, by ARN. */
  readonly queues = new Map<string, LocalQueue>();
  functions: ReadonlyMap<string, LocalFunction> = new Map();
  /** Where the stack has tables, or has had some. */
  dynamoDb: LocalDynamoDb | undefined;
  /** Every line that a function wrote to its log. */
  readonly logs: string[] = [];
  /** Sees each invocation, and may fail it before the function runs, as a throttle does. */
  onInvoke: ((bundle: string, event: unknown) => FunctionFailure | undefined) | undefined;
  /** Sees each call of Step Functions or Secrets Manager, and may refuse it. */
  onAwsCall: ((operation: string, input: unknown) => AwsError | undefined) | undefined;
  /**
   * Sees each call that functions, state machines and rules make, and the gateway with a URL that they presigned.
   * `Lambda.Run` and `Lambda.Poll` stand for what Lambda does in a function's name: write its log, empty its queue;
   * `S3.WriteResults` for what a Map Run's ResultWriter does.
   */
  onCall: ((call: Call) => void) | undefined;
  readonly #options: CloudOptions;
  #synthesized: Synthesized;
  readonly #awsApi: AwsApi;
  /** What has functions take from queues. */
  readonly eventSources = new EventSources();
  readonly #urls = new FunctionUrls();
  readonly #schedules = new Schedules();
  /** Of earlier deployments: what was under way then still uses them. */
  readonly #earlier: { functions: LocalFunction[]; outdirs: string[] } = { functions: [], outdirs: [] };
  /** Asynchronous invocations that are under way. */
  #invocations = 0;

  /** Starts everything, and deploys the stack. Ports first: the template needs to know where the gateway is. */
  static async start(options: CloudOptions = {}): Promise<LocalCloud> {
    const gateway = await GatewaySimulator.start({ apiKeys: [LOCAL_API_KEY], ...options.gateway });
    const s3 = await LocalS3.start({
      buckets: options.existingBuckets ?? {},
      credentials: {},
      onStored: options.onStored,
      onCall: ({ operation, accessKeyId, ...input }) => cloud.#noteSigned(accessKeyId, `S3.${operation}`, input),
      onObjectCreated: (object) => cloud.bus.put(objectCreated(object)),
    });
    const onCall = (operation: string, input: unknown, accessKeyId?: string) => {
      cloud.#noteSigned(accessKeyId, operation, input);
      return cloud.onAwsCall?.(operation, input);
    };
    const awsApi = await serveAwsApi({}, onCall, (request, response) => s3.serve(request, response));
    const cloud: LocalCloud = new LocalCloud(options, gateway, s3, awsApi);
    await cloud.#apply();
    return cloud;
  }

  private constructor(options: CloudOptions, gateway: GatewaySimulator, s3: LocalS3, awsApi: AwsApi) {
    this.#options = options;
    this.gateway = gateway;
    this.s3 = s3;
    this.#awsApi = awsApi;
    this.#synthesized = this.#synthesize(options.settings);
    this.stepFunctions = new LocalStepFunctions({
      // How long it waits, and who is told of it.
      ...options,
      ...machinesOf(this.template),
      s3,
      invoke: (arn, event) => this.#invoke(arn, event),
      onCall: (caller, operation, input) => this.#note(caller, operation, input),
      onStatusChange: (execution) => this.bus.put(statusChange(execution, execution.stateMachineArn)),
      updateItem: (input) => this.#updateItem(input),
      refuse: (operation, input) => this.onAwsCall?.(operation, input),
    });
    const functions = () => this.functions.values();
    const invoke = invokeOperation(functions, this.#invoke.bind(this), this.#invokeAsync.bind(this));
    Object.assign(awsApi.operations, operationsOf(this), invoke);
  }

  /**
   * Deploys the stack again, with other settings. As on AWS, functions, rules and permissions change at once, and what is
   * under way in a function ends there; executions that have begun keep their definition, also when they are redriven.
   * Buckets, queues and secrets stay, also those that the stack has no more; its tables and function URLs do not.
   */
  async deploy(settings: Record<string, unknown>): Promise<void> {
    const { outdir } = this.#synthesized;
    this.#synthesized = this.#synthesize(settings);
    this.#earlier.outdirs.push(outdir);
    this.#earlier.functions.push(...this.functions.values());
    this.stepFunctions.deploy(machinesOf(this.template));
    await this.#apply();
  }

  /** Waits until nothing is under way: no execution runs, and no event waits for its function. */
  async settled(): Promise<void> {
    const isBusy = () =>
      this.#invocations > 0 ||
      this.stepFunctions.executions.some(({ status }) => status === 'RUNNING') ||
      [...this.queues.values()].some((queue) => queue.isBusy);
    while (isBusy()) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  /** Runs now what schedules run, and waits for it. */
  runSchedules(): Promise<void> {
    return this.#schedules.runNow();
  }

  async close(): Promise<void> {
    const { functions, outdirs } = this.#earlier;
    this.#schedules.clear();
    for (const queue of this.queues.values()) queue.close();
    await this.stepFunctions.close();
    await Promise.all([...functions, ...this.functions.values()].map((each) => each.close()));
    await this.#urls.close();
    await Promise.all([this.s3.close(), this.gateway.close(), this.dynamoDb?.close(), this.#awsApi.close()]);
    for (const outdir of [...outdirs, this.#synthesized.outdir]) await rm(outdir, { recursive: true });
  }

  /** The template that is deployed. */
  get template(): Template {
    return this.#synthesized.template;
  }

  /** As the outputs name it, like the next; an app without them has neither. */
  get uploadsBucket(): string {
    return this.template.output('UploadsBucket');
  }

  get resultsBucket(): string {
    return this.template.output('ResultsBucket');
  }

  get stateMachineArn(): string {
    return stateMachineIn(this.template);
  }

  /** Where AWS's services answer on this machine, S3 too. */
  get awsUrl(): string {
    return this.#awsApi.url;
  }

  /** The function made from a bundle, such as `on-upload`. */
  function(bundle: string): LocalFunction {
    const found = [...this.functions.values()].find((each) => each.bundle === bundle);
    if (!found) throw new Error(`There is no function ${bundle}`);
    return found;
  }

  #synthesize(settings: Record<string, unknown> = {}): Synthesized {
    const { url: gatewayUrl, cdnUrl: resultHosts } = this.gateway;
    return synthesizeApp({ ...settings, gatewayUrl, resultHosts, [S3_URL]: this.s3.url }, this.#options);
  }

  /** Makes what the template has and this machine has not, and puts what it has anew in the place of what there was. */
  async #apply(): Promise<void> {
    const { template } = this;
    const { apiKey = LOCAL_API_KEY } = this.#options;
    this.s3.add(bucketsOf(template), accessKeysOf(template, LOCAL_CREDENTIALS));
    for (const arn of secretsOf(template).filter((each) => !this.secrets.has(each))) {
      this.secrets.create(arn, apiKey ?? undefined);
    }
    addQueues(this.queues, template, this.#options.visibilityMs);
    await this.#replaceTables();
    await this.#urls.replace(template, (functionName, event) => {
      this.#note(undefined, 'Lambda.InvokeUrl', { functionName });
      return this.#invoke(functionName, event);
    });
    this.functions = functionsOf(this.#synthesized, {
      urls: { s3: this.s3.url, dynamoDb: this.dynamoDb?.url, others: this.awsUrl },
      environment: this.#options.environment ?? {},
      onLog: (bundle, line) => {
        this.logs.push(line);
        this.#options.onLog?.(bundle, line);
      },
    });
    this.bus.clear();
    this.#schedules.clear();
    for (const rule of template.resources('AWS::Events::Rule')) this.#addRule(rule);
    this.eventSources.replace(template, this.queues, (functionName, queueArn, event) => {
      this.#note(this.#byName(functionName).arn, 'Lambda.Poll', { queueArn });
      return this.#invoke(functionName, event);
    });
  }

  async #replaceTables(): Promise<void> {
    const tables = tablesOf(this.template);
    if (this.dynamoDb === undefined && tables.length === 0) return;
    this.dynamoDb ??= await this.#startDynamoDb();
    await this.dynamoDb.replaceTables(tables);
  }

  /** Loaded only where there are tables, because most deployments have none. */
  async #startDynamoDb(): Promise<LocalDynamoDb> {
    const { LocalDynamoDb } = await import('./dynamodb.ts');
    const dynamoDb = await LocalDynamoDb.start(LOCAL_CREDENTIALS);
    dynamoDb.onCall = (target, input, accessKeyId) =>
      this.#noteSigned(accessKeyId, target.replace(/_\d+\./, '.'), input);
    return dynamoDb;
  }

  /** A function by what the template calls it: its ARN, or its name. */
  #byName(id: string): LocalFunction {
    const found = [...this.functions.values()].find(({ name, arn }) => name === id || arn === id);
    if (!found) throw new Error(`The template names the function ${id}, which it does not make`);
    return found;
  }

  #note(caller: string | undefined, operation: string, input: unknown): void {
    this.onCall?.({ caller, operation, input });
  }

  /** Notes what a function has signed; what a person on this machine does is nobody's business. */
  #noteSigned(accessKeyId: string | undefined, operation: string, input: unknown): void {
    const signer = [...this.functions.values()].find(({ name }) => name === accessKeyId);
    if (signer) this.#note(signer.arn, operation, input);
  }

  /** Invokes a function by its ARN, or its name. */
  async #invoke(id: string, event: unknown): Promise<unknown> {
    const found = this.#byName(id);
    this.#note(found.arn, 'Lambda.Run', {});
    const failure = this.onInvoke?.(found.bundle, event);
    if (failure) throw new FunctionError(failure);
    return found.invoke(event);
  }

  async #updateItem(input: unknown): Promise<unknown> {
    const refusal = this.onAwsCall?.('DynamoDB.UpdateItem', input);
    if (refusal) throw refusal;
    return updateItem(this.dynamoDb, input);
  }

  #addRule({ logicalId, properties: { EventPattern, ScheduleExpression, State, Targets = [] } }: Resource): void {
    if (State === 'DISABLED') return;
    const ruleArn = this.template.arn(logicalId);
    this.#schedules.add(ScheduleExpression, Targets, (arn) => this.functions.has(arn) && this.#invokeAsync(arn, {}));
    if (EventPattern === undefined) return;
    for (const target of Targets) this.bus.addRule(EventPattern, (event) => this.#deliver(ruleArn, target, event));
  }

  #deliver(ruleArn: string, target: TargetInput & { Arn: string }, event: DeliveredEvent): void {
    const { Arn } = target;
    const input = inputOf(target, event);
    if (this.queues.has(Arn)) {
      this.#note(ruleArn, 'AmazonSQS.SendMessage', { queueArn: Arn });
      this.#byArn(this.queues, Arn).send(input);
    } else if (this.functions.has(Arn)) void this.#invokeAsync(Arn, JSON.parse(input));
    else this.stepFunctions.startOf(Arn, `${event.id}_${randomUUID()}`, input);
  }

  /** An asynchronous invocation, of whose failure nobody is told; there is no second attempt. */
  async #invokeAsync(arn: string, event: unknown): Promise<void> {
    this.#invocations++;
    try {
      await this.#invoke(arn, event);
    } catch (error) {
      if (!(error instanceof FunctionError)) throw error;
    } finally {
      this.#invocations--;
    }
  }

  #byArn<T>(things: Map<string, T>, arn: string): T {
    const thing = things.get(arn);
    if (thing === undefined) throw new Error(`The template names ${arn}, which it does not make`);
    return thing;
  }
}
