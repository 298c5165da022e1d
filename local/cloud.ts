import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UpdateItemCommand, type UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import { type AwsApi, AwsError, type Operation, serveAwsApi } from './aws-api.ts';
import { bucketsOf } from './buckets.ts';
import { accessKeysOf, type Call, credentialsOf } from './callers.ts';
import { describeStacks } from './cloudformation.ts';
import type { LocalDynamoDb } from './dynamodb.ts';
import { type DeliveredEvent, EventBus } from './event-bus.ts';
import { inputOf, type TargetInput } from './event-target.ts';
import { objectCreated, statusChange } from './events.ts';
import { type FunctionUrl, serveFunctionUrl } from './function-url.ts';
import { type GatewayOptions, GatewaySimulator } from './gateway.ts';
import { FunctionError, type FunctionFailure, LocalFunction } from './lambda.ts';
import { type LocalQueue, queuesOf } from './queue.ts';
import { type BucketOptions, LocalS3 } from './s3.ts';
import { LocalSecrets } from './secrets.ts';
import { type Execution, type HistoryEvent, LocalStepFunctions } from './step-functions.ts';
import { type AppOptions, REGION, type Resource, type Synthesized, synthesizeApp, type Template } from './template.ts';

/** The key that the simulated gateway accepts, and that any S3 client of this machine may sign with. */
export const LOCAL_API_KEY = 'local-api-key';
export const LOCAL_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local-secret' };

export interface CloudOptions extends AppOptions {
  /** Settings, as `cdk deploy -c …` takes them. `gatewayUrl` and `resultHosts` are the simulator's. */
  settings?: Record<string, unknown>;
  gateway?: Partial<GatewayOptions>;
  /** Existing buckets that the settings name: the stack does not make them. */
  existingBuckets?: Record<string, BucketOptions>;
  /** The API key in the secret; null leaves it empty, as after a first deploy. @default the key the simulator accepts */
  apiKey?: string | null;
  /** In place of every Wait state's time, in milliseconds. @default - the definition's */
  waitMs?: number;
  /** In place of every retrier's delay, in milliseconds. @default - the definition's */
  retryMs?: number;
  /** In place of the time a callback is waited for, in milliseconds. @default - the definition's */
  callbackTimeoutMs?: number;
  /** In place of the queue's visibility timeout, in milliseconds. @default - the template's */
  visibilityMs?: number;
  /** Environment variables for all functions, in place of the template's. */
  environment?: Record<string, string>;
  onHistory?: (execution: Execution, event: HistoryEvent) => void;
  onLog?: (functionName: string, line: string) => void;
}

/**
 * A deployed stack on this machine: synthesizes the app, reads the template, and runs each function's code and the very
 * definitions of its state machines against embedded services. Nothing is faked in between.
 */
export class LocalCloud {
  readonly template: Template;
  readonly gateway: GatewaySimulator;
  readonly s3: LocalS3;
  /** In webhook mode only. */
  readonly dynamoDb: LocalDynamoDb | undefined;
  readonly stepFunctions: LocalStepFunctions;
  readonly secrets: LocalSecrets;
  readonly bus = new EventBus();
  /** Queues and functions, by ARN. */
  readonly queues: Map<string, LocalQueue>;
  readonly functions: Map<string, LocalFunction>;
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
  readonly #urls: FunctionUrl[] = [];
  readonly #outdir: string;
  /** Asynchronous invocations that are under way. */
  #invocations = 0;
  #awsApi: AwsApi | undefined;

  /** Starts everything. Ports first: the template needs to know where the gateway is. */
  static async start(options: CloudOptions = {}): Promise<LocalCloud> {
    const gateway = await GatewaySimulator.start({ apiKeys: [LOCAL_API_KEY], ...options.gateway });
    const cloud = await LocalCloud.#build(options, gateway);
    await cloud.#serve();
    return cloud;
  }

  static async #build(options: CloudOptions, gateway: GatewaySimulator): Promise<LocalCloud> {
    const settings = { ...options.settings, gatewayUrl: gateway.url, resultHosts: gateway.cdnUrl };
    const synthesized = synthesizeApp(settings, options);
    const { template } = synthesized;
    const tables = template.resources('AWS::DynamoDB::Table');
    const cloud: LocalCloud = new LocalCloud(
      options,
      synthesized,
      gateway,
      tables.length === 0 ? undefined : await startDynamoDb(template, tables),
      await LocalS3.start({
        buckets: { ...bucketsOf(template), ...options.existingBuckets },
        credentials: accessKeysOf(template, LOCAL_CREDENTIALS),
        onCall: ({ operation, accessKeyId, ...input }) => cloud.#noteSigned(accessKeyId, `S3.${operation}`, input),
        onObjectCreated: (object) => cloud.bus.put(objectCreated(object)),
      }),
    );
    return cloud;
  }

  private constructor(
    options: CloudOptions,
    { template, outdir }: Synthesized,
    gateway: GatewaySimulator,
    dynamoDb: LocalDynamoDb | undefined,
    s3: LocalS3,
  ) {
    this.#options = options;
    this.template = template;
    this.#outdir = outdir;
    this.gateway = gateway;
    this.dynamoDb = dynamoDb;
    this.s3 = s3;
    this.secrets = this.#makeSecrets();
    this.queues = queuesOf(this.template, options.visibilityMs);
    this.stepFunctions = this.#makeStepFunctions();
    this.functions = new Map();
  }

  /** Waits until nothing is under way: no execution runs, and no event waits for its function. */
  async settled(): Promise<void> {
    const isBusy = () =>
      this.#invocations > 0 ||
      this.stepFunctions.executions.some(({ status }) => status === 'RUNNING') ||
      [...this.queues.values()].some((queue) => queue.isBusy);
    while (isBusy()) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  async close(): Promise<void> {
    for (const queue of this.queues.values()) queue.close();
    await this.stepFunctions.close();
    await Promise.all([...this.functions.values()].map((each) => each.close()));
    await Promise.all(this.#urls.map((url) => url.close()));
    await Promise.all([this.s3.close(), this.gateway.close(), this.dynamoDb?.close(), this.#awsApi?.close()]);
    await rm(this.#outdir, { recursive: true });
  }

  /** Outputs of the template; an app without such an output does not have them. */
  get uploadsBucket(): string {
    return this.template.output('UploadsBucket');
  }

  get resultsBucket(): string {
    return this.template.output('ResultsBucket');
  }

  /** Of several state machines without such an output, the first of the template. */
  get stateMachineArn(): string {
    if (this.template.outputNames.includes('StateMachineArn')) return this.template.output('StateMachineArn');
    const [machine] = this.template.resources('AWS::StepFunctions::StateMachine');
    if (!machine) throw new Error(`The stack ${this.template.stackName} has no state machine`);
    return this.template.arn(machine.logicalId);
  }

  /** Where AWS's other services answer on this machine. */
  get awsUrl(): string {
    return this.#awsApi?.url ?? '';
  }

  async #serve(): Promise<void> {
    const operations: Record<string, Operation> = {
      ...this.secrets.operations,
      ...this.stepFunctions.operations,
      'CloudFormation.DescribeStacks': () => describeStacks(this.template),
      'AmazonSQS.GetQueueAttributes': ({ QueueUrl }) => {
        const name = String(QueueUrl).split('/').at(-1);
        const queue = [...this.queues.values()].find(({ arn }) => arn.endsWith(`:${name}`));
        if (!queue) throw new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');
        return { Attributes: queue.attributes };
      },
      'AmazonSQS.StartMessageMoveTask': ({ SourceArn, DestinationArn }) => {
        for (const body of this.#byArn(this.queues, SourceArn).drain())
          this.#byArn(this.queues, DestinationArn).send(body);
        return {};
      },
    };
    this.#awsApi = await serveAwsApi(operations, (operation, input, accessKeyId) => {
      this.#noteSigned(accessKeyId, operation, input);
      return this.onAwsCall?.(operation, input);
    });
    if (this.dynamoDb) {
      this.dynamoDb.onCall = (target, input, accessKeyId) =>
        this.#noteSigned(accessKeyId, target.replace(/_\d+\./, '.'), input);
    }
    for (const { logicalId, properties } of this.template.resources('AWS::Lambda::Url')) {
      const { TargetFunctionArn: functionName } = properties;
      const url = await serveFunctionUrl((event) => {
        this.#note(undefined, 'Lambda.InvokeUrl', { functionName });
        return this.#invoke(functionName, event);
      });
      this.template.functionUrls.set(logicalId, url.url);
      this.#urls.push(url);
    }
    for (const resource of this.template.resources('AWS::Lambda::Function')) {
      const made = this.#makeFunction(resource);
      if (made) this.functions.set(made.arn, made);
    }
    for (const rule of this.template.resources('AWS::Events::Rule')) this.#addRule(rule);
    for (const { properties } of this.template.resources('AWS::Lambda::EventSourceMapping')) {
      this.#byArn(this.queues, properties.EventSourceArn).consume({
        invoke: (event) => {
          this.#note(this.#byName(properties.FunctionName).arn, 'Lambda.Poll', { queueArn: properties.EventSourceArn });
          return this.#invoke(properties.FunctionName, event);
        },
        batchSize: properties.BatchSize ?? 10,
        maxConcurrency: properties.ScalingConfig?.MaximumConcurrency ?? 1000,
      });
    }
  }

  /** The function made from a bundle, such as `on-upload`. */
  function(bundle: string): LocalFunction {
    const found = [...this.functions.values()].find((each) => each.bundle === bundle);
    if (!found) throw new Error(`There is no function ${bundle}`);
    return found;
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

  #makeSecrets(): LocalSecrets {
    const secrets = new LocalSecrets();
    const { apiKey = LOCAL_API_KEY } = this.#options;
    const arns = this.template
      .resources('AWS::SecretsManager::Secret')
      .map(({ logicalId }) => this.template.arn(logicalId));
    // An existing one is not made by the stack.
    if (this.template.outputNames.includes('ApiKeySecretArn')) arns.push(this.template.output('ApiKeySecretArn'));
    for (const arn of arns) secrets.create(arn, apiKey ?? undefined);
    return secrets;
  }

  #makeStepFunctions(): LocalStepFunctions {
    const { stateMachineArn } = this;
    const { [stateMachineArn]: definition, ...others } = Object.fromEntries(
      this.template
        .resources('AWS::StepFunctions::StateMachine')
        .map(({ logicalId, properties }) => [
          this.template.arn(logicalId),
          properties.Definition ?? JSON.parse(properties.DefinitionString),
        ]),
    );
    const { onHistory, waitMs, retryMs, callbackTimeoutMs } = this.#options;
    return new LocalStepFunctions({
      stateMachineArn,
      definition,
      others,
      s3: this.s3,
      invoke: (arn, event) => this.#invoke(arn, event),
      onCall: (caller, operation, input) => this.#note(caller, operation, input),
      onHistory,
      onStatusChange: (execution) => this.bus.put(statusChange(execution, execution.stateMachineArn)),
      updateItem: (input) => this.#updateItem(input),
      refuse: (operation, input) => this.onAwsCall?.(operation, input),
      waitMs,
      retryMs,
      callbackTimeoutMs,
    });
  }

  async #updateItem(input: unknown): Promise<unknown> {
    const refusal = this.onAwsCall?.('DynamoDB.UpdateItem', input);
    if (refusal) throw refusal;
    return this.dynamoDb?.client.send(new UpdateItemCommand(input as UpdateItemCommandInput));
  }

  /** Functions whose code is in the template, such as CDK's own helpers for custom resources, are not run. */
  #makeFunction({ logicalId, properties, assetPath }: Resource): LocalFunction | undefined {
    if (assetPath === undefined) return undefined;
    const [bundle = ''] = String(properties.Handler).split('.');
    const url = this.awsUrl;
    const name = this.template.ref(logicalId);
    const { accessKeyId, secretAccessKey } = credentialsOf(name);
    return new LocalFunction({
      name,
      bundle,
      arn: this.template.arn(logicalId),
      code: resolve(this.#outdir, assetPath),
      handler: properties.Handler,
      environment: {
        ...properties.Environment?.Variables,
        AWS_REGION: REGION,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_ENDPOINT_URL_S3: this.s3.url,
        AWS_ENDPOINT_URL_SFN: url,
        AWS_ENDPOINT_URL_SQS: url,
        ...(this.dynamoDb && { AWS_ENDPOINT_URL_DYNAMODB: this.dynamoDb.url }),
        AWS_ENDPOINT_URL_SECRETS_MANAGER: url,
        ...this.#options.environment,
      },
      timeoutSeconds: properties.Timeout ?? 3,
      memoryMb: properties.MemorySize ?? 128,
      onLog: (line) => {
        this.logs.push(line);
        this.#options.onLog?.(bundle, line);
      },
    });
  }

  #addRule({ logicalId, properties: { EventPattern, State, Targets = [] } }: Resource): void {
    const ruleArn = this.template.arn(logicalId);
    // A rule without a pattern is a schedule, which nothing on this machine follows.
    if (EventPattern === undefined || State === 'DISABLED') return;
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

/** Loaded only where there are tables, because most deployments have none. */
async function startDynamoDb(template: Template, tables: Resource[]): Promise<LocalDynamoDb> {
  const { LocalDynamoDb } = await import('./dynamodb.ts');
  const keys = tables.map(({ logicalId, properties }) => ({
    name: template.ref(logicalId),
    partitionKey: properties.KeySchema[0].AttributeName,
  }));
  return LocalDynamoDb.start(keys, LOCAL_CREDENTIALS);
}
