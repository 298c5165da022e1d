import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { flat, type Resource, resource, resources, short } from './read-template.ts';
import { templateOf } from './synth.ts';
import { VARIANTS, type Variant } from './variants.ts';

const standard = templateOf('default');
const FUNCTIONS = [
  ...['WorkflowSubmit', 'WorkflowCheckStatus', 'WorkflowDeliver', 'IntakeOnUpload', 'FailuresReportFailure'],
  ...['BackfillPrepare', 'BackfillSelect', 'BackfillPlan', 'BackfillReport'],
];

/** The statements of a bucket's or queue's policy. */
function statementsFor(template: Template, type: string, target: string): Resource['Properties'][] {
  return Object.values(resources(template, type))
    .filter(({ Properties }) => [Properties.Bucket, ...(Properties.Queues ?? [])].some((of) => refersTo(of, target)))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
}

function refersTo(value: Resource['Properties'], name: string): boolean {
  return value !== undefined && flat(value) === `<${name}>`;
}

describe('the buckets', () => {
  const buckets = resources(standard, 'AWS::S3::Bucket');

  it('are one for uploads and one for results', () => {
    expect(Object.keys(buckets).sort()).toEqual(['Results', 'Uploads']);
  });

  it('tell EventBridge of uploads, and of nothing else', () => {
    expect(buckets.Uploads?.Properties.NotificationConfiguration).toEqual({
      EventBridgeConfiguration: { EventBridgeEnabled: true },
    });
    expect(buckets.Results?.Properties.NotificationConfiguration).toBeUndefined();
  });

  describe.each(['Uploads', 'Results'])('%s', (name) => {
    const bucket = resource(standard, 'AWS::S3::Bucket', name);

    it('is private, encrypted and versioned', () => {
      expect(bucket.Properties).toMatchObject({
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        VersioningConfiguration: { Status: 'Enabled' },
      });
    });

    it('is reached over TLS only, and its policy allows nobody anything', () => {
      const statements = statementsFor(standard, 'AWS::S3::BucketPolicy', name);
      expect(statements.map(({ Effect }) => Effect)).toEqual(['Deny']);
      expect(statements[0]).toMatchObject({
        Action: 's3:*',
        Principal: { AWS: '*' },
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      });
      expect(statements[0].Resource.map(flat)).toEqual([`<${name}.Arn>`, `<${name}.Arn>/*`]);
    });

    it('drops what is left of an upload in parts after a day, but never an object that is current', () => {
      const [rule, ...others] = bucket.Properties.LifecycleConfiguration.Rules;
      expect(others).toEqual([]);
      expect(rule).toMatchObject({ Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } });
      expect(Object.keys(rule).filter((key) => /^(Expiration|Transition)/.test(key))).toEqual([]);
    });

    it('stays when the stack is deleted', () => {
      expect(bucket).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    });
  });
});

describe('the way of an upload to its function', () => {
  const rule = resource(standard, 'AWS::Events::Rule', 'IntakeRule');
  const queue = resource(standard, 'AWS::SQS::Queue', 'IntakeQueue');
  const onUpload = resource(standard, 'AWS::Lambda::Function', 'IntakeOnUpload');

  it('begins with a rule for objects created in the uploads bucket', () => {
    const { source, 'detail-type': type, detail, ...others } = rule.Properties.EventPattern;
    expect(source).toEqual(['aws.s3']);
    expect(type).toEqual(['Object Created']);
    expect(Object.keys(detail)).toEqual(['bucket']);
    expect(detail.bucket.name.map(flat)).toEqual(['<Uploads>']);
    expect(others).toEqual({});
    expect(rule.Properties.State).toBe('ENABLED');
  });

  it('is narrowed to the uploads prefix, if there is one', () => {
    const { detail } = resource(templateOf('prefixes'), 'AWS::Events::Rule', 'IntakeRule').Properties.EventPattern;
    expect(detail.bucket.name.map(flat)).toEqual(['<Uploads>']);
    expect(detail.object).toEqual({ key: [{ prefix: 'in/' }] });
  });

  it('goes on into the queue, and what cannot get there into the dead-letter queue', () => {
    expect(rule.Properties.Targets).toHaveLength(1);
    const [target] = rule.Properties.Targets;
    expect(flat(target.Arn)).toBe('<IntakeQueue.Arn>');
    expect(flat(target.DeadLetterConfig.Arn)).toBe('<IntakeDeadLetterQueue.Arn>');
    // The function reads the event as S3 sent it.
    expect(target).not.toHaveProperty('Input');
    expect(target).not.toHaveProperty('InputPath');
    expect(target).not.toHaveProperty('InputTransformer');
  });

  it('tries an upload for an hour before it becomes a dead letter', () => {
    const { RedrivePolicy, VisibilityTimeout } = queue.Properties;
    expect(flat(RedrivePolicy.deadLetterTargetArn)).toBe('<IntakeDeadLetterQueue.Arn>');
    expect(RedrivePolicy.maxReceiveCount * VisibilityTimeout).toBeGreaterThanOrEqual(3600);
  });

  it('hides a message for at least six times as long as the function may run', () => {
    expect(queue.Properties.VisibilityTimeout).toBeGreaterThanOrEqual(6 * onUpload.Properties.Timeout);
  });

  it('ends in on-upload, which says message by message what failed', () => {
    expect(mappings(standard)).toHaveLength(2);
    const mapping = mappings(standard).find(({ EventSourceArn }) => flat(EventSourceArn) === '<IntakeQueue.Arn>');
    expect(flat(mapping?.FunctionName)).toBe('<IntakeOnUpload>');
    expect(mapping).toMatchObject({
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 5 },
    });
    expect(flat(onUpload.Properties.Environment.Variables.STATE_MACHINE_ARN)).toBe('<WorkflowStateMachine>');
  });

  it('goes at the pace of the settings', () => {
    templateOf('paced').hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 1,
      ScalingConfig: { MaximumConcurrency: 2 },
    });
  });
});

/** The properties of the event source mappings. */
function mappings(template: Template): Resource['Properties'][] {
  return Object.values(resources(template, 'AWS::Lambda::EventSourceMapping')).map(({ Properties }) => Properties);
}

describe('the queues', () => {
  it('are one for uploads and one for failures, each with one for dead letters', () => {
    expect(Object.keys(resources(standard, 'AWS::SQS::Queue')).sort()).toEqual([
      'FailuresDeadLetterQueue',
      'FailuresQueue',
      'IntakeDeadLetterQueue',
      'IntakeQueue',
    ]);
  });

  describe.each([
    ['IntakeQueue', 'IntakeRule'],
    ['IntakeDeadLetterQueue', 'IntakeRule'],
    ['FailuresQueue', 'FailuresRule'],
    ['FailuresDeadLetterQueue', 'FailuresRule'],
  ])('%s', (name, rule) => {
    const { Properties } = resource(standard, 'AWS::SQS::Queue', name);
    // SQS counts from the upload also in a dead-letter queue: a day is left there.
    const days = name.includes('DeadLetter') ? 14 : 13;

    it('is encrypted with a key of SQS, which EventBridge may use, and keeps messages for as long as it may', () => {
      expect(Properties).toMatchObject({ SqsManagedSseEnabled: true, MessageRetentionPeriod: days * 24 * 3600 });
      expect(Properties).not.toHaveProperty('KmsMasterKeyId');
    });

    it(`is reached over TLS only, and filled by EventBridge for ${rule} only`, () => {
      const statements = statementsFor(standard, 'AWS::SQS::QueuePolicy', name);
      const [denied, allowed, ...others] = statements;
      expect(others).toEqual([]);
      expect(denied).toMatchObject({
        Effect: 'Deny',
        Action: 'sqs:*',
        Principal: { AWS: '*' },
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      });
      expect(allowed).toMatchObject({ Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' } });
      expect([allowed.Action].flat()).toContain('sqs:SendMessage');
      expect(flat(allowed.Condition.ArnEquals['aws:SourceArn'])).toBe(`<${rule}.Arn>`);
    });
  });
});

describe('the functions', () => {
  it('are exactly nine, without a custom resource', () => {
    expect(Object.keys(resources(standard, 'AWS::Lambda::Function')).sort()).toEqual([...FUNCTIONS].sort());
    const custom = Object.values(standard.toJSON().Resources as Record<string, Resource>)
      .map(({ Type }) => Type)
      .filter((type) => /^(Custom::|AWS::CloudFormation::CustomResource)/.test(type));
    expect(custom).toEqual([]);
  });

  it.each([
    ['WorkflowSubmit', 'submit', 256, 60],
    ['WorkflowCheckStatus', 'check-status', 256, 60],
    ['WorkflowDeliver', 'deliver', 512, 540],
    ['IntakeOnUpload', 'on-upload', 256, 30],
    ['FailuresReportFailure', 'report-failure', 256, 60],
    ['BackfillPrepare', 'prepare-backfill', 256, 60],
    ['BackfillSelect', 'select-images', 256, 60],
    ['BackfillPlan', 'plan-backfill', 256, 900],
    ['BackfillReport', 'report-backfill', 256, 900],
  ])('%s runs its bundle on Node.js 24 and arm64, traced', (name, service, MemorySize, Timeout) => {
    const { Properties } = resource(standard, 'AWS::Lambda::Function', name);
    expect(Properties).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: `${service}.handler`,
      MemorySize,
      Timeout,
      TracingConfig: { Mode: 'Active' },
      Environment: {
        Variables: {
          POWERTOOLS_SERVICE_NAME: expect.stringMatching(/^Cutout-BackgroundRemoval/),
          POWERTOOLS_METRICS_NAMESPACE: 'Cutout',
        },
      },
    });
    // An account may have as few as ten executions at once, of which none can be reserved.
    expect(Properties).not.toHaveProperty('ReservedConcurrentExecutions');
  });

  it.each(FUNCTIONS)('%s writes to a log group of its own, which forgets and leaves with the stack', (name) => {
    const { Properties } = resource(standard, 'AWS::Lambda::Function', name);
    expect(flat(Properties.LoggingConfig.LogGroup)).toBe(`<${name}Log>`);
    const log = resource(standard, 'AWS::Logs::LogGroup', `${name}Log`);
    expect(log.Properties.RetentionInDays).toBe(90);
    expect(log.DeletionPolicy).toBe('Delete');
  });

  it.each(FUNCTIONS)('%s has a role of its own', (name) => {
    const { Properties } = resource(standard, 'AWS::Lambda::Function', name);
    expect(flat(Properties.Role)).toBe(`<${name}Role.Arn>`);
  });

  it.each(FUNCTIONS)('%s has no secret in its environment, only where to find it', (name) => {
    const { Variables } = resource(standard, 'AWS::Lambda::Function', name).Properties.Environment;
    const secrets = Object.entries<Resource['Properties']>(Variables).filter(([, value]) => typeof value !== 'string');
    for (const [, value] of secrets)
      expect(flat(value)).toMatch(/^<(ApiKey|Uploads|Results|WorkflowStateMachine|Intake(DeadLetter)?Queue)>$/);
    expect(JSON.stringify(Variables)).not.toContain('{{resolve:');
  });

  describe('learn what they need to know', () => {
    const variables = (variant: Variant, name: string) => {
      const { Variables } = resource(templateOf(variant), 'AWS::Lambda::Function', name).Properties.Environment;
      const entries = Object.entries<Resource['Properties']>(Variables);
      return Object.fromEntries(entries.map(([key, value]) => [key, flat(value)]));
    };
    const buckets = { UPLOADS_BUCKET: '<Uploads>', RESULTS_BUCKET: '<Results>' };

    it('by default', () => {
      const everywhere = { ...buckets, UPLOADS_PREFIX: '', RESULTS_PREFIX: '' };
      const gateway = { GATEWAY_URL: 'https://gateway.pixazo.ai', API_KEY_SECRET_ARN: '<ApiKey>' };
      const patience = { TIMEOUT_MINUTES: '90' };
      expect(variables('default', 'WorkflowSubmit')).toMatchObject({ ...everywhere, ...gateway, ...patience });
      expect(variables('default', 'WorkflowCheckStatus')).toMatchObject({ ...gateway, ...patience });
      expect(variables('default', 'WorkflowDeliver')).toMatchObject({
        ...everywhere,
        ...gateway,
        RESULT_HOSTS: '*.r2.dev',
      });
      expect(variables('default', 'FailuresReportFailure')).toMatchObject(everywhere);
    });

    it('from the setting for the pace', () => {
      expect(variables('paced', 'IntakeOnUpload')).toMatchObject({ MS_PER_UPLOAD: '1600' });
      // Their delays are 15 s at most, which is within the function's timeout.
      expect(variables('default', 'IntakeOnUpload')).toMatchObject({ MS_PER_UPLOAD: '0', AWS_MAX_ATTEMPTS: '5' });
    });

    it('from the settings for the gateway', () => {
      const gateway = { GATEWAY_URL: 'https://gateway.example.com' };
      const hosts = { RESULT_HOSTS: '*.example.com,http://127.0.0.1:8080' };
      expect(variables('tuned', 'WorkflowSubmit')).toMatchObject({ ...gateway, TIMEOUT_MINUTES: '45' });
      expect(variables('tuned', 'WorkflowCheckStatus')).toMatchObject({ ...gateway, TIMEOUT_MINUTES: '45' });
      expect(variables('tuned', 'WorkflowDeliver')).toMatchObject({ ...gateway, ...hosts });
    });

    it.each(['WorkflowSubmit', 'WorkflowDeliver', 'FailuresReportFailure', 'BackfillPrepare', 'BackfillSelect'])(
      'from the settings for prefixes (%s)',
      (name) => {
        const prefixes = { UPLOADS_PREFIX: 'in/', RESULTS_PREFIX: 'out/' };
        expect(variables('prefixes', name)).toMatchObject({ ...buckets, ...prefixes });
      },
    );

    it.each(['WorkflowDeliver', 'FailuresReportFailure', 'BackfillPlan', 'BackfillReport'])(
      'from the setting for the key of the results, if it is known (%s)',
      (name) => {
        expect(variables('kms', name).RESULTS_KMS_KEY).toMatch(/:key\/results$/);
        expect(variables('existing', name)).not.toHaveProperty('RESULTS_KMS_KEY');
        expect(variables('default', name)).not.toHaveProperty('RESULTS_KMS_KEY');
      },
    );

    it('from the settings for backfills', () => {
      expect(variables('default', 'BackfillSelect').UPLOADS_SUFFIXES).toBe('');
      expect(variables('suffixes', 'BackfillSelect').UPLOADS_SUFFIXES).toBe('.jpg,.JPG');
    });
  });
});

describe('the report of a failure', () => {
  const rule = resource(standard, 'AWS::Events::Rule', 'FailuresRule');

  it('is made for executions of this state machine that failed, timed out or were aborted', () => {
    const { detail, ...pattern } = rule.Properties.EventPattern;
    expect(pattern).toEqual({ source: ['aws.states'], 'detail-type': ['Step Functions Execution Status Change'] });
    expect(detail.stateMachineArn.map(flat)).toEqual(['<WorkflowStateMachine>']);
    expect([...detail.status].sort()).toEqual(['ABORTED', 'FAILED', 'TIMED_OUT']);
    expect(Object.keys(detail).sort()).toEqual(['stateMachineArn', 'status']);
  });

  it('waits in a queue, so that thousands of failures at once are reported at a pace that Step Functions answers', () => {
    expect(rule.Properties.Targets).toHaveLength(1);
    expect(flat(rule.Properties.Targets[0].Arn)).toBe('<FailuresQueue.Arn>');
    const mapping = mappings(standard).find(({ EventSourceArn }) => flat(EventSourceArn) === '<FailuresQueue.Arn>');
    expect(flat(mapping?.FunctionName)).toBe('<FailuresReportFailure>');
    expect(mapping).toMatchObject({ BatchSize: 1, ScalingConfig: { MaximumConcurrency: 2 } });
  });

  it('is tried for over an hour, and then kept in a dead-letter queue, whether the rule or the function failed', () => {
    expect(flat(rule.Properties.Targets[0].DeadLetterConfig.Arn)).toBe('<FailuresDeadLetterQueue.Arn>');
    const { RedrivePolicy, VisibilityTimeout } = resource(standard, 'AWS::SQS::Queue', 'FailuresQueue').Properties;
    expect(flat(RedrivePolicy.deadLetterTargetArn)).toBe('<FailuresDeadLetterQueue.Arn>');
    expect(RedrivePolicy.maxReceiveCount * VisibilityTimeout).toBeGreaterThanOrEqual(3600);
    const { Timeout } = resource(standard, 'AWS::Lambda::Function', 'FailuresReportFailure').Properties;
    expect(VisibilityTimeout).toBeGreaterThanOrEqual(6 * Timeout);
  });
});

describe('the secret', () => {
  it('has no value, made up or given: what stands there would be sent to the gateway as a key', () => {
    const secret = resource(standard, 'AWS::SecretsManager::Secret', 'ApiKey');
    expect(Object.keys(secret.Properties)).toEqual(['Description']);
    expect(secret.DeletionPolicy).toBe('Retain');
  });

  it.each(['existing', 'existingSecretArn'] as const)('is not made in the variant "%s", which names one', (variant) => {
    templateOf(variant).resourceCountIs('AWS::SecretsManager::Secret', 0);
    const { Variables } = resource(templateOf(variant), 'AWS::Lambda::Function', 'WorkflowSubmit').Properties
      .Environment;
    expect(flat(Variables.API_KEY_SECRET_ARN)).toMatch(/^arn:.+:secretsmanager:.+:secret:pixazo\/api-key/);
  });
});

describe('the state machines', () => {
  it('are one for an image and one for backfills', () => {
    const names = Object.keys(resources(standard, 'AWS::StepFunctions::StateMachine'));
    expect(names.sort()).toEqual(['BackfillStateMachine', 'WorkflowStateMachine']);
  });

  describe.each(['Workflow', 'Backfill'])('%s', (name) => {
    const machine = resource(standard, 'AWS::StepFunctions::StateMachine', `${name}StateMachine`);

    it('is a Standard one, and traced', () => {
      expect(machine.Properties).toMatchObject({
        StateMachineType: 'STANDARD',
        TracingConfiguration: { Enabled: true },
      });
    });

    it('logs all that happens, but not the data', () => {
      const { Level, IncludeExecutionData, Destinations } = machine.Properties.LoggingConfiguration;
      expect({ Level, IncludeExecutionData }).toEqual({ Level: 'ALL', IncludeExecutionData: false });
      const groups = Destinations.map((to: Resource['Properties']) => flat(to.CloudWatchLogsLogGroup.LogGroupArn));
      expect(groups).toEqual([`<${name}Log.Arn>`]);
    });

    it('logs under the prefix that all state machines share a resource policy for', () => {
      const { Properties, DeletionPolicy } = resource(standard, 'AWS::Logs::LogGroup', `${name}Log`);
      expect(Properties.LogGroupName).toMatch(/^\/aws\/vendedlogs\/states\/./);
      expect(Properties.RetentionInDays).toBe(90);
      expect(DeletionPolicy).toBe('Delete');
    });
  });
});

describe('the alarms', () => {
  const EXPECTED = {
    MonitoringFailed: ['AWS/States', 'ExecutionsFailed', 'Sum', 1, '<WorkflowStateMachine>'],
    MonitoringTimedOut: ['AWS/States', 'ExecutionsTimedOut', 'Sum', 1, '<WorkflowStateMachine>'],
    MonitoringAborted: ['AWS/States', 'ExecutionsAborted', 'Sum', 1, '<WorkflowStateMachine>'],
    MonitoringDeadLetters: [
      'AWS/SQS',
      'ApproximateNumberOfMessagesVisible',
      'Maximum',
      1,
      '<IntakeDeadLetterQueue.QueueName>',
    ],
    MonitoringFailureDeadLetters: [
      'AWS/SQS',
      'ApproximateNumberOfMessagesVisible',
      'Maximum',
      1,
      '<FailuresDeadLetterQueue.QueueName>',
    ],
    MonitoringOldestMessage: ['AWS/SQS', 'ApproximateAgeOfOldestMessage', 'Maximum', 900, '<IntakeQueue.QueueName>'],
  };

  it('watch failed, timed out and aborted executions, both dead-letter queues, and the age of uploads that wait', () => {
    const alarms = Object.entries(resources(standard, 'AWS::CloudWatch::Alarm')).map(([name, { Properties }]) => {
      const { Namespace, MetricName, Statistic, Threshold, Dimensions } = Properties;
      expect(Dimensions).toHaveLength(1);
      return [name, [Namespace, MetricName, Statistic, Threshold, flat(Dimensions[0].Value)]];
    });
    expect(Object.fromEntries(alarms)).toEqual(EXPECTED);
  });

  it('go off at the threshold itself, within five minutes, and not for want of data', () => {
    for (const { Properties } of Object.values(resources(standard, 'AWS::CloudWatch::Alarm'))) {
      expect(Properties).toMatchObject({
        ComparisonOperator: 'GreaterThanOrEqualToThreshold',
        EvaluationPeriods: 1,
        Period: 300,
        TreatMissingData: 'notBreaching',
      });
      expect(Properties.AlarmDescription).toMatch(/\.$/);
    }
  });

  it('only show in the console without an address', () => {
    standard.resourceCountIs('AWS::SNS::Topic', 0);
    standard.allResourcesProperties('AWS::CloudWatch::Alarm', { AlarmActions: Match.absent() });
  });

  it('all go to the address that is given', () => {
    const template = templateOf('email');
    template.resourceCountIs('AWS::SNS::Topic', 1);
    const [subscription, ...others] = Object.values(resources(template, 'AWS::SNS::Subscription'));
    expect(others).toEqual([]);
    expect(subscription?.Properties).toMatchObject({ Protocol: 'email', Endpoint: 'images@example.com' });
    expect(flat(subscription?.Properties.TopicArn)).toBe('<AlarmTopic>');
    const alarms = Object.values(resources(template, 'AWS::CloudWatch::Alarm'));
    expect(alarms).toHaveLength(6);
    for (const { Properties } of alarms) expect(Properties.AlarmActions.map(flat)).toEqual(['<AlarmTopic>']);
  });

  it('go to a topic that is not encrypted with a key which alarms may not use, and that takes nothing without TLS', () => {
    const template = templateOf('email');
    expect(resource(template, 'AWS::SNS::Topic', 'AlarmTopic').Properties ?? {}).not.toHaveProperty('KmsMasterKeyId');
    template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
          // A topic with a policy admits only whom that names.
          Match.objectLike({
            Effect: 'Allow',
            Action: 'sns:Publish',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          }),
        ]),
      },
    });
  });
});

describe('the dashboard', () => {
  it('shows what comes in and goes out, failures by error, the oldest message, the time to a cutout, and the money', () => {
    const [dashboard] = Object.values(resources(standard, 'AWS::CloudWatch::Dashboard'));
    const body = flat(dashboard?.Properties.DashboardBody);
    const service = resource(standard, 'AWS::Lambda::Function', 'WorkflowSubmit').Properties.Environment.Variables
      .POWERTOOLS_SERVICE_NAME;
    for (const metric of ['Uploads', 'Submissions', 'Delivered', 'Superseded', 'Sent', 'Refused', 'UploadToCutout']) {
      expect(body).toContain(`"Cutout","${metric}","service","${service}"`);
    }
    expect(body).toContain(`SEARCH('{Cutout,service,error} MetricName=\\"Failed\\" service=\\"${service}\\"'`);
    expect(body).toContain('ApproximateAgeOfOldestMessage');
    expect(body).toContain('(FILL(accepted, 0)) * 0.018');
    expect(body).toContain('(FILL(sent, 0) - FILL(taken, 0) - FILL(refused, 0)) * 0.018');
    for (const alarm of Object.keys(resources(standard, 'AWS::CloudWatch::Alarm'))) expect(body).toContain(alarm);
  });
});

describe('webhook mode', () => {
  const template = templateOf('webhook');

  it('adds a table, a function and its public URL, and nothing else that could cost or break', () => {
    const count = (from: Template) =>
      Object.values(from.toJSON().Resources as Record<string, Resource>)
        .map(({ Type }) => Type)
        .sort();
    const added = count(template);
    for (const type of count(standard)) added.splice(added.indexOf(type), 1);
    expect(added).toEqual([
      'AWS::DynamoDB::Table',
      'AWS::IAM::Policy',
      'AWS::IAM::Policy',
      'AWS::IAM::Role',
      'AWS::Lambda::Function',
      'AWS::Lambda::Permission',
      'AWS::Lambda::Permission',
      'AWS::Lambda::Url',
      'AWS::Logs::LogGroup',
    ]);
    expect(resources(standard, 'AWS::DynamoDB::Table')).toEqual({});
  });

  it('keeps one record a submission, on demand, and forgets it by itself', () => {
    expect(resource(template, 'AWS::DynamoDB::Table', 'WebhookCallbacks').Properties).toMatchObject({
      KeySchema: [{ AttributeName: 'submission', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    });
  });

  it('lets anybody call the URL, which takes both permissions, and only by the URL', () => {
    const permissions = Object.values(resources(template, 'AWS::Lambda::Permission')).map(
      ({ Properties }) => Properties,
    );
    const common = { Principal: '*', FunctionName: expect.anything() };
    expect(permissions).toEqual(
      expect.arrayContaining([
        { ...common, Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'NONE' },
        { ...common, Action: 'lambda:InvokeFunction', InvokedViaFunctionUrl: true },
      ]),
    );
    expect(resource(template, 'AWS::Lambda::Url', 'WebhookOnCallbackFunctionUrl').Properties.AuthType).toBe('NONE');
  });

  it('tells Submit where callbacks come in, and puts the address out', () => {
    const { Variables } = resource(template, 'AWS::Lambda::Function', 'WorkflowSubmit').Properties.Environment;
    expect(flat(Variables.CALLBACK_TABLE)).toBe('<WebhookCallbacks>');
    expect(flat(Variables.CALLBACK_URL)).toBe('<WebhookOnCallbackFunctionUrl.FunctionUrl>');
    expect(template.findOutputs('CallbackUrl')).toHaveProperty('CallbackUrl');
    expect(standard.findOutputs('CallbackUrl')).toEqual({});
  });

  it('waits by updateItem with a task token, and goes on to the status whatever comes of it', () => {
    const { definition } = definitionOf('webhook');
    const state = definition.States['Await callback'];
    expect(state).toMatchObject({
      Type: 'Task',
      Resource: expect.stringMatching(/:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken$/),
      Next: 'Check status',
      ResultPath: null,
      TimeoutSeconds: 300,
      Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: null, Next: 'Check status' }],
      Parameters: { ConditionExpression: 'attribute_not_exists(calledBackAt)' },
    });
    // A retry would come before the catch: neither an overtaking callback nor a lost one is one.
    expect(state.Retry[0]).toEqual({
      ErrorEquals: [
        'States.Timeout',
        'DynamoDb.ConditionalCheckFailedException',
        'DynamoDB.ConditionalCheckFailedException',
      ],
      MaxAttempts: 0,
    });
    expect(definition.States.Submit.Next).toBe('Await callback');
    expect(Object.keys(definitionOf('default').definition.States)).not.toContain('Await callback');
  });
});

/** The definition of a variant's state machine. */
function definitionOf(variant: Variant): { definition: { States: Record<string, Resource['Properties']> } } {
  const machine = resource(templateOf(variant), 'AWS::StepFunctions::StateMachine', 'WorkflowStateMachine');
  return { definition: JSON.parse(flat(machine.Properties.DefinitionString)) };
}

describe('the outputs', () => {
  const values = (template: Template) =>
    Object.fromEntries(Object.entries(template.findOutputs('*')).map(([name, { Value }]) => [name, flat(Value)]));

  it('say where to drop images, where cutouts appear, what to call, and what to do next', () => {
    expect(values(standard)).toEqual({
      UploadsBucket: '<Uploads>',
      ResultsBucket: '<Results>',
      StateMachineArn: '<WorkflowStateMachine>',
      BackfillStateMachineArn: '<BackfillStateMachine>',
      ApiKeySecretArn: '<ApiKey>',
      SetApiKeyCommand:
        'aws secretsmanager put-secret-value --region <AWS::Region> --secret-id <ApiKey> --secret-string file:///dev/stdin',
      UploadsLocation: 's3://<Uploads>/',
      ResultsLocation: 's3://<Results>/',
      DeadLetterQueueUrl: '<IntakeDeadLetterQueue>',
      MoveDeadLettersCommand:
        'aws sqs start-message-move-task --region <AWS::Region> --source-arn <IntakeDeadLetterQueue.Arn> ' +
        '--destination-arn <IntakeQueue.Arn>',
    });
    for (const { Description } of Object.values(standard.findOutputs('*'))) expect(Description).toMatch(/\w+ \w+/);
  });

  it('name what exists, where that is used', () => {
    const outputs = values(templateOf('existing'));
    expect(outputs).toMatchObject({ UploadsBucket: 'my-uploads', ResultsBucket: 'my-results' });
    const arn = 'arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:pixazo/api-key';
    expect(outputs).toMatchObject({
      ApiKeySecretArn: arn,
      SetApiKeyCommand: expect.stringContaining(`--secret-id ${arn} `),
    });
  });
});

describe('the command that switches on events', () => {
  it('is put out for an existing uploads bucket, and keeps what its configuration says otherwise', () => {
    const { EnableEventsCommand } = templateOf('existing').findOutputs('*');
    expect(flat(EnableEventsCommand?.Value)).toBe(
      'aws s3api put-bucket-notification-configuration --region <AWS::Region> --bucket my-uploads ' +
        '--notification-configuration "$(aws s3api get-bucket-notification-configuration --region <AWS::Region> ' +
        "--bucket my-uploads --output json --query 'merge(@, {EventBridgeConfiguration: `{}`})')\"",
    );
  });
});

describe('with removal=destroy', () => {
  const template = templateOf('destroy');

  it('nothing stays behind', () => {
    const kept = Object.entries(template.toJSON().Resources as Record<string, Resource>)
      .filter(([, { DeletionPolicy }]) => DeletionPolicy !== undefined && DeletionPolicy !== 'Delete')
      .map(([id]) => short(id));
    expect(kept).toEqual([]);
    for (const type of ['AWS::S3::Bucket', 'AWS::SecretsManager::Secret']) {
      for (const { DeletionPolicy, UpdateReplacePolicy } of Object.values(resources(template, type))) {
        expect({ DeletionPolicy, UpdateReplacePolicy }).toEqual({
          DeletionPolicy: 'Delete',
          UpdateReplacePolicy: 'Delete',
        });
      }
    }
  });

  it('both buckets are emptied first', () => {
    const emptied = Object.values(resources(template, 'Custom::S3AutoDeleteObjects'));
    expect(emptied.map(({ Properties }) => flat(Properties.BucketName)).sort()).toEqual(['<Results>', '<Uploads>']);
  });
});

describe('with existing buckets', () => {
  const template = templateOf('existing');

  it('makes no bucket, and touches neither policy nor notifications of the ones that exist', () => {
    for (const type of ['AWS::S3::Bucket', 'AWS::S3::BucketPolicy', 'Custom::S3BucketNotifications']) {
      template.resourceCountIs(type, 0);
    }
    template.resourceCountIs('AWS::Lambda::Function', FUNCTIONS.length);
  });

  it('matches the events of the uploads bucket by its name', () => {
    const { detail } = resource(template, 'AWS::Events::Rule', 'IntakeRule').Properties.EventPattern;
    expect(detail).toEqual({ bucket: { name: ['my-uploads'] } });
  });

  it('tells the functions their names', () => {
    const { Variables } = resource(template, 'AWS::Lambda::Function', 'WorkflowDeliver').Properties.Environment;
    expect(Variables).toMatchObject({ UPLOADS_BUCKET: 'my-uploads', RESULTS_BUCKET: 'my-results' });
  });
});

describe('every variant', () => {
  it.each(Object.keys(VARIANTS) as Variant[])(
    '%s has no circular references, which only a deployment would refuse',
    (variant) => {
      const all = templateOf(variant).toJSON().Resources as Record<string, unknown>;
      const uses = Object.fromEntries(Object.entries(all).map(([id, each]) => [id, referencesIn(each, all)]));
      const done = new Set<string>();
      const visit = (id: string, path: string[]): void => {
        expect(path, [...path, id].join(' → ')).not.toContain(id);
        if (done.has(id)) return;
        for (const next of uses[id] ?? []) visit(next, [...path, id]);
        done.add(id);
      };
      for (const id of Object.keys(all)) visit(id, []);
      expect(done.size).toBe(Object.keys(all).length);
    },
  );
});

/** The logical ids that a part of the template refers to. */
function referencesIn(value: unknown, all: Record<string, unknown>): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]): string[] => {
    if (name === 'Ref' || name === 'DependsOn') return [each].flat().filter((id) => id in all);
    if (name === 'Fn::GetAtt') return [String((each as string[])[0])];
    return referencesIn(each, all);
  });
}
