import type { Call } from '../../local/callers.ts';
import type { LocalCloud } from '../../local/cloud.ts';
import { ACCOUNT, REGION, type Resource } from '../../local/template.ts';

/** What IAM decides on. */
export interface IamRequest {
  /** ARN of a role, or an AWS service; undefined if anybody asks, without a signature. */
  principal: string | undefined;
  action: string;
  resource: string;
  context: Record<string, string>;
}

type Access = Omit<IamRequest, 'principal' | 'context'> & { context?: Record<string, string> };

/** What stands in no template, because it was there before. */
export interface Existing {
  /** ARN of the KMS key that encrypts the objects of a bucket, by name of the bucket. */
  keys?: Record<string, string>;
  /** ARN of the KMS key that encrypts a secret, by name of the secret. */
  secretKeys?: Record<string, string>;
}

/** Says which requests IAM has to allow so that a call succeeds, by AWS's documentation of each operation. */
export class Requests {
  readonly #cloud: LocalCloud;
  /** Properties of functions and state machines, by ARN. */
  readonly #callers: Map<string, Resource['properties']>;
  /** By name of the bucket. */
  readonly #bucketKeys: Map<string, string>;
  /** By ARN of the secret. */
  readonly #secretKeys: Map<string, string>;

  constructor(cloud: LocalCloud, { keys = {}, secretKeys = {} }: Existing) {
    const { template } = cloud;
    this.#cloud = cloud;
    this.#callers = new Map(
      ['AWS::Lambda::Function', 'AWS::StepFunctions::StateMachine']
        .flatMap((type) => template.resources(type))
        .map(({ logicalId, properties }) => [template.arn(logicalId), properties]),
    );
    const made = template.resources('AWS::S3::Bucket').flatMap(({ logicalId, properties }) => {
      const [rule] = properties.BucketEncryption?.ServerSideEncryptionConfiguration ?? [];
      const key = rule?.ServerSideEncryptionByDefault.KMSMasterKeyID;
      return key === undefined ? [] : [[template.ref(logicalId), key] as const];
    });
    this.#bucketKeys = new Map([...Object.entries(keys), ...made]);
    const secrets = template
      .resources('AWS::SecretsManager::Secret')
      .filter(({ properties }) => properties.KmsKeyId !== undefined)
      .map(({ logicalId, properties }) => [template.arn(logicalId), properties.KmsKeyId] as const);
    const existing = Object.entries(secretKeys).map(
      ([name, key]) => [`arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:${name}-AbCdEf`, key] as const,
    );
    this.#secretKeys = new Map([...secrets, ...existing]);
  }

  /** Throws for an operation that is not known here: nothing is allowed unseen. */
  of({ caller, operation, input }: Call): IamRequest[] {
    const [service, name] = operation.split('.') as [string, string];
    if (operation === 'Lambda.InvokeUrl') return this.#invokeUrl(input.functionName);
    if (operation === 'AmazonSQS.SendMessage' && input.queueArn)
      return this.#sendMessage(String(caller), input.queueArn);
    const principal = this.#roleOf(String(caller));
    const asCaller = (access: Access[]) => access.map((one) => ({ context: {}, ...one, principal }));
    if (operation === 'Lambda.Run') return [...this.#assumeRole(String(caller)), ...asCaller(this.#run(caller))];
    return asCaller(service === 'S3' ? this.#s3(name, input) : this.#others(operation, input));
  }

  /**
   * What Step Functions needs of a state machine's role besides what executions do: to deliver its log, to trace, and
   * to hear by a rule of its own that an execution has ended which a state waits for.
   */
  ofStateMachines(): IamRequest[] {
    return this.#cloud.template.resources('AWS::StepFunctions::StateMachine').flatMap(({ logicalId, properties }) => {
      const arn = this.#cloud.template.arn(logicalId);
      const isWaiting = JSON.stringify(properties).includes('states:startExecution.sync');
      const rule = `arn:aws:events:${REGION}:${ACCOUNT}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule`;
      const access = [
        ...(properties.LoggingConfiguration ? on('*', ...LOG_DELIVERY) : []),
        ...(properties.TracingConfiguration?.Enabled ? on('*', ...TRACES, ...SAMPLING) : []),
        ...(isWaiting ? on(rule, 'events:PutTargets', 'events:PutRule', 'events:DescribeRule') : []),
      ];
      const principal = this.#roleOf(arn);
      return [...this.#assumeRole(arn), ...access.map((one) => ({ context: {}, ...one, principal }))];
    });
  }

  /** EventBridge invokes the functions of schedules. */
  ofSchedules(): IamRequest[] {
    const { template } = this.#cloud;
    const schedules = template
      .resources('AWS::Events::Rule')
      .filter(({ properties }) => properties.ScheduleExpression !== undefined);
    return schedules.flatMap(({ logicalId, properties }) =>
      properties.Targets.map(({ Arn }: { Arn: string }) => ({
        ...{ principal: 'events.amazonaws.com', action: 'lambda:InvokeFunction', resource: Arn },
        context: { 'aws:SourceArn': template.arn(logicalId) },
      })),
    );
  }

  #roleOf(caller: string): string {
    const { Role, RoleArn } = this.#callers.get(caller);
    return Role ?? RoleArn;
  }

  /** A service takes on a role; Step Functions says for which state machine. */
  #assumeRole(caller: string): IamRequest[] {
    const [, , service] = caller.split(':');
    const request = { action: 'sts:AssumeRole', resource: this.#roleOf(caller), principal: `${service}.amazonaws.com` };
    return [{ ...request, context: { 'aws:SourceArn': caller, 'aws:SourceAccount': ACCOUNT } }];
  }

  #run(functionArn: string | undefined): Access[] {
    const { LoggingConfig, TracingConfig } = this.#callers.get(String(functionArn));
    const log = `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${LoggingConfig?.LogGroup}:log-stream:2026/11/22/[$LATEST]1`;
    const traces = TracingConfig?.Mode === 'Active' ? on('*', ...TRACES) : [];
    return [...on(log, 'logs:CreateLogStream', 'logs:PutLogEvents'), ...traces];
  }

  /** Anybody may ask; a function URL without authentication takes two permissions since October 2025. */
  #invokeUrl(resource: string): IamRequest[] {
    const anybody = { principal: undefined, resource };
    return [
      { ...anybody, action: 'lambda:InvokeFunctionUrl', context: { 'lambda:FunctionUrlAuthType': 'NONE' } },
      { ...anybody, action: 'lambda:InvokeFunction', context: { 'lambda:InvokedViaFunctionUrl': 'true' } },
    ];
  }

  #sendMessage(ruleArn: string, resource: string): IamRequest[] {
    const context = { 'aws:SourceArn': ruleArn, 'aws:SourceAccount': ACCOUNT };
    return [{ principal: 'events.amazonaws.com', action: 'sqs:SendMessage', resource, context }];
  }

  #s3(name: string, input: S3Input): Access[] {
    const { bucket, key, versionId, prefix = '', ifMatch, checksum } = input;
    const bucketArn = `arn:aws:s3:::${bucket}`;
    const onObject = (...actions: string[]) => on(`${bucketArn}/${key}`, ...actions);
    const keyArn = this.#bucketKeys.get(bucket);
    const onKey = (...actions: string[]) => (keyArn ? via('s3', on(keyArn, ...actions)) : []);
    // A condition on an ETag tells something of the object.
    const compared = ifMatch === undefined ? [] : onObject('s3:GetObject');
    switch (name) {
      case 'HeadObject':
      case 'GetObject': {
        const read = onObject(versionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion');
        // That an object does not exist is told to those who may list (404); to others it is forbidden (403).
        if (!this.#cloud.s3.get(bucket, key, versionId)) return [...read, ...on(bucketArn, 's3:ListBucket')];
        // Metadata are not encrypted with the bucket's key.
        // Asking for a checksum takes the key as reading does.
        return [...read, ...(name === 'GetObject' || checksum === true ? onKey('kms:Decrypt') : [])];
      }
      case 'ListObjectsV2':
        return [{ action: 's3:ListBucket', resource: bucketArn, context: { 's3:prefix': prefix } }];
      case 'GetBucketVersioning':
        return on(bucketArn, 's3:GetBucketVersioning');
      case 'PutObject':
        return [...onObject('s3:PutObject'), ...compared, ...onKey('kms:GenerateDataKey')];
      case 'CreateMultipartUpload':
        return [...onObject('s3:PutObject'), ...onKey('kms:GenerateDataKey')];
      case 'UploadPart':
      case 'CompleteMultipartUpload':
        return [...onObject('s3:PutObject'), ...compared, ...onKey('kms:Decrypt')];
      case 'AbortMultipartUpload':
        return onObject('s3:AbortMultipartUpload');
      case 'DeleteObject':
        return [...onObject('s3:DeleteObject'), ...compared];
      case 'WriteResults':
        // A ResultWriter writes in parts. AWS's page on the IAM policies of Distributed Maps asks for all of these.
        return [
          ...onObject('s3:PutObject', 's3:GetObject', 's3:ListMultipartUploadParts', 's3:AbortMultipartUpload'),
          ...onKey('kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey'),
        ];
      default:
        throw new Error(`Nothing is known of what S3's ${name} needs`);
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: each operation has its own input
  #others(operation: string, input: any): Access[] {
    switch (operation) {
      case 'secretsmanager.GetSecretValue': {
        // IAM sees the whole ARN, also where the caller left out the characters that Secrets Manager chose.
        const arn = /-[A-Za-z0-9]{6}$/.test(input.SecretId) ? input.SecretId : `${input.SecretId}-AbCdEf`;
        const keyArn = this.#secretKeys.get(arn);
        const decrypt = keyArn ? via('secretsmanager', on(keyArn, 'kms:Decrypt')) : [];
        return [...on(arn, 'secretsmanager:GetSecretValue'), ...decrypt];
      }
      case 'AWSStepFunctions.StartExecution':
      case 'AWSStepFunctions.ListExecutions':
        return on(input.stateMachineArn, operation.replace('AWSStepFunctions.', 'states:'));
      case 'AWSStepFunctions.DescribeExecution':
      case 'AWSStepFunctions.GetExecutionHistory':
      case 'AWSStepFunctions.StopExecution':
      case 'AWSStepFunctions.RedriveExecution':
        return on(input.executionArn, operation.replace('AWSStepFunctions.', 'states:'));
      case 'AWSStepFunctions.SendTaskSuccess':
        // The token is one of the state machine that removes backgrounds: no other waits for one.
        return on(this.#cloud.stateMachineArn, 'states:SendTaskSuccess');
      case 'DynamoDB.UpdateItem':
        return on(`arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${input.TableName}`, 'dynamodb:UpdateItem');
      case 'Lambda.Invoke':
        return on(input.functionName, 'lambda:InvokeFunction');
      case 'AmazonSQS.GetQueueAttributes':
      case 'AmazonSQS.SendMessage': {
        const queueArn = `arn:aws:sqs:${REGION}:${ACCOUNT}:${input.QueueUrl.split('/').at(-1)}`;
        return on(queueArn, operation.replace('AmazonSQS.', 'sqs:'));
      }
      case 'lambda.GetEventSourceMapping':
      case 'lambda.UpdateEventSourceMapping':
        return on(
          `arn:aws:lambda:${REGION}:${ACCOUNT}:event-source-mapping:${input.UUID}`,
          operation.replace('lambda.', 'lambda:'),
        );
      case 'Lambda.Poll':
        return on(input.queueArn, 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes');
      default:
        throw new Error(`Nothing is known of what ${operation} needs`);
    }
  }
}

interface S3Input {
  bucket: string;
  key: string;
  versionId?: string;
  prefix?: string;
  ifMatch?: string;
  checksum?: boolean;
}

const TRACES = ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'];
const SAMPLING = ['xray:GetSamplingRules', 'xray:GetSamplingTargets'];
const LOG_DELIVERY = [
  ...['logs:CreateLogDelivery', 'logs:GetLogDelivery', 'logs:UpdateLogDelivery', 'logs:DeleteLogDelivery'],
  ...['logs:ListLogDeliveries', 'logs:PutResourcePolicy', 'logs:DescribeResourcePolicies', 'logs:DescribeLogGroups'],
];

function on(resource: string, ...actions: string[]): Access[] {
  return actions.map((action) => ({ action, resource }));
}

/** What a service asks of KMS in the caller's name. */
function via(service: string, access: Access[]): Access[] {
  const context = { 'kms:ViaService': `${service}.${REGION}.amazonaws.com`, 'kms:CallerAccount': ACCOUNT };
  return access.map((one) => ({ ...one, context }));
}
