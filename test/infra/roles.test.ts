import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { type Grant, grantsOf, resources, templateOf } from './support.ts';

const standard = templateOf('default');
const STATE_MACHINE = 'WorkflowStateMachineRole';
const BACKFILL = 'BackfillStateMachineRole';
const FUNCTION_ROLES = [
  ...[
    'WorkflowSubmitRole',
    'WorkflowCheckStatusRole',
    'WorkflowDeliverRole',
    'IntakeOnUploadRole',
    'FailuresReportFailureRole',
  ],
  ...['BackfillPrepareRole', 'BackfillSelectRole', 'BackfillPlanRole', 'BackfillReportRole'],
];
/** Roles of the functions that send requests to the gateway. */
const ASKING = ['WorkflowSubmitRole', 'WorkflowCheckStatusRole', 'WorkflowDeliverRole'];
const ROLES = [...FUNCTION_ROLES, STATE_MACHINE, BACKFILL];

function grants(role: string, template: Template = standard): Grant[] {
  return grantsOf(template, role);
}

/** What a role may do besides writing its own log and traces, as sorted lines. */
function doings(role: string, template?: Template): string[] {
  return grants(role, template)
    .filter(({ action }) => !/^(logs|xray):/.test(action))
    .map(({ action, resource }) => `${action} ${resource}`)
    .sort();
}

/** Whether a role may do this, by IAM's own rules: `*` and `?` stand for anything. */
function may(role: string, action: string, resource: string, template?: Template): boolean {
  return grants(role, template).some((grant) => matches(grant.action, action) && matches(grant.resource, resource));
}

function matches(pattern: string, text: string): boolean {
  const escaped = pattern.replace(/[\\^$.|+()[\]{}]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(text);
}

const EXECUTIONS = 'arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution';
/** By which Step Functions learns, in its own way, that an execution it waits for has ended. */
const SYNC_RULE =
  'arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule';
const ANY_WRITE = [
  's3:PutObject',
  's3:PutObjectAcl',
  's3:PutObjectTagging',
  's3:DeleteObject',
  's3:DeleteObjectVersion',
  's3:RestoreObject',
  's3:ReplicateObject',
];
const SECRET_ACTIONS = ['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret'];

describe('the roles', () => {
  it('are one for each function and one for each state machine', () => {
    expect(Object.keys(resources(standard, 'AWS::IAM::Role')).sort()).toEqual([...ROLES].sort());
  });

  it('can be assumed by their service only', () => {
    for (const [name, { Properties }] of Object.entries(resources(standard, 'AWS::IAM::Role'))) {
      const statements = Properties.AssumeRolePolicyDocument.Statement;
      expect(statements).toHaveLength(1);
      const service = /StateMachineRole$/.test(name) ? 'states.amazonaws.com' : 'lambda.amazonaws.com';
      expect(statements[0]).toMatchObject({
        Effect: 'Allow',
        Action: 'sts:AssumeRole',
        Principal: { Service: service },
      });
    }
  });

  it('have no managed or inline policies, which these tests would not see', () => {
    for (const { Properties } of Object.values(resources(standard, 'AWS::IAM::Role'))) {
      expect(Object.keys(Properties)).toEqual(['AssumeRolePolicyDocument']);
    }
    expect(resources(standard, 'AWS::IAM::ManagedPolicy')).toEqual({});
  });

  it('are granted by plain statements: nothing but actions and resources', () => {
    for (const { Properties } of Object.values(resources(standard, 'AWS::IAM::Policy'))) {
      for (const statement of Properties.PolicyDocument.Statement) {
        expect(Object.keys(statement).sort()).toEqual(['Action', 'Effect', 'Resource']);
        expect(statement.Effect).toBe('Allow');
      }
    }
  });
});

describe('exactly what each may do', () => {
  it.each(FUNCTION_ROLES)('%s: write its own log, and traces', (role) => {
    const lines = grants(role)
      .filter(({ action }) => /^(logs|xray):/.test(action))
      .map(({ action, resource }) => `${action} ${resource}`);
    const log = `<${role.replace(/Role$/, 'Log')}.Arn>`;
    expect(lines.sort()).toEqual([
      `logs:CreateLogStream ${log}`,
      `logs:PutLogEvents ${log}`,
      'xray:PutTelemetryRecords *',
      'xray:PutTraceSegments *',
    ]);
  });

  it('submit: read uploads, presign their versions, see results, read the API key', () => {
    expect(doings('WorkflowSubmitRole')).toEqual([
      's3:GetObject <Results.Arn>/*',
      's3:GetObject <Uploads.Arn>/*',
      's3:GetObjectVersion <Uploads.Arn>/*',
      's3:ListBucket <Results.Arn>',
      's3:ListBucket <Uploads.Arn>',
      'secretsmanager:GetSecretValue <ApiKey>',
    ]);
  });

  it('check-status: read the API key', () => {
    expect(doings('WorkflowCheckStatusRole')).toEqual(['secretsmanager:GetSecretValue <ApiKey>']);
  });

  it('deliver: see uploads, write results, delete error files, read the API key', () => {
    expect(doings('WorkflowDeliverRole')).toEqual([
      's3:AbortMultipartUpload <Results.Arn>/*',
      's3:DeleteObject <Results.Arn>/*.error.json',
      's3:GetObject <Results.Arn>/*',
      's3:GetObject <Uploads.Arn>/*',
      's3:ListBucket <Results.Arn>',
      's3:ListBucket <Uploads.Arn>',
      's3:PutObject <Results.Arn>/*',
      'secretsmanager:GetSecretValue <ApiKey>',
    ]);
  });

  it('on-upload: start executions of the state machine, take from the queue', () => {
    expect(doings('IntakeOnUploadRole')).toEqual([
      'sqs:ChangeMessageVisibility <IntakeQueue.Arn>',
      'sqs:DeleteMessage <IntakeQueue.Arn>',
      'sqs:GetQueueAttributes <IntakeQueue.Arn>',
      'sqs:GetQueueUrl <IntakeQueue.Arn>',
      'sqs:ReceiveMessage <IntakeQueue.Arn>',
      'states:StartExecution <WorkflowStateMachine>',
    ]);
  });

  it('report-failure: see executions, uploads and results, write and delete error files, take from its queue', () => {
    expect(doings('FailuresReportFailureRole')).toEqual([
      's3:DeleteObject <Results.Arn>/*.error.json',
      's3:GetObject <Results.Arn>/*',
      's3:GetObject <Uploads.Arn>/*',
      's3:ListBucket <Results.Arn>',
      's3:ListBucket <Uploads.Arn>',
      's3:PutObject <Results.Arn>/*.error.json',
      'sqs:ChangeMessageVisibility <FailuresQueue.Arn>',
      'sqs:DeleteMessage <FailuresQueue.Arn>',
      'sqs:GetQueueAttributes <FailuresQueue.Arn>',
      'sqs:GetQueueUrl <FailuresQueue.Arn>',
      'sqs:ReceiveMessage <FailuresQueue.Arn>',
      `states:DescribeExecution ${EXECUTIONS}:<WorkflowStateMachine.Name>:*`,
      `states:GetExecutionHistory ${EXECUTIONS}:<WorkflowStateMachine.Name>:*`,
    ]);
  });

  it('the state machine: invoke its three functions', () => {
    expect(doings(STATE_MACHINE)).toEqual([
      'lambda:InvokeFunction <WorkflowCheckStatus.Arn>',
      'lambda:InvokeFunction <WorkflowCheckStatus.Arn>:*',
      'lambda:InvokeFunction <WorkflowDeliver.Arn>',
      'lambda:InvokeFunction <WorkflowDeliver.Arn>:*',
      'lambda:InvokeFunction <WorkflowSubmit.Arn>',
      'lambda:InvokeFunction <WorkflowSubmit.Arn>:*',
    ]);
  });

  it('prepare-backfill: see whether another backfill runs', () => {
    expect(doings('BackfillPrepareRole')).toEqual(['states:ListExecutions <BackfillStateMachine>']);
  });

  it('select-images: see uploads and results, read error files', () => {
    expect(doings('BackfillSelectRole')).toEqual([
      's3:GetObject <Results.Arn>/*',
      's3:GetObject <Uploads.Arn>/*',
      's3:ListBucket <Results.Arn>',
      's3:ListBucket <Uploads.Arn>',
    ]);
  });

  it('plan-backfill: read and write what backfills keep', () => {
    expect(doings('BackfillPlanRole')).toEqual([
      's3:AbortMultipartUpload <Results.Arn>/backfills/*',
      's3:GetObject <Results.Arn>/backfills/*',
      's3:PutObject <Results.Arn>/backfills/*',
    ]);
  });

  it('report-backfill: find, read and write what backfills keep', () => {
    expect(doings('BackfillReportRole')).toEqual([
      's3:GetObject <Results.Arn>/backfills/*',
      's3:ListBucket <Results.Arn>',
      's3:PutObject <Results.Arn>/backfills/*',
    ]);
  });

  it('the state machine of backfills: invoke its four functions, run itself and removals, list uploads, keep its files', () => {
    expect(doings(BACKFILL)).toEqual([
      `events:DescribeRule ${SYNC_RULE}`,
      `events:PutRule ${SYNC_RULE}`,
      `events:PutTargets ${SYNC_RULE}`,
      'lambda:InvokeFunction <BackfillPlan.Arn>',
      'lambda:InvokeFunction <BackfillPlan.Arn>:*',
      'lambda:InvokeFunction <BackfillPrepare.Arn>',
      'lambda:InvokeFunction <BackfillPrepare.Arn>:*',
      'lambda:InvokeFunction <BackfillReport.Arn>',
      'lambda:InvokeFunction <BackfillReport.Arn>:*',
      'lambda:InvokeFunction <BackfillSelect.Arn>',
      'lambda:InvokeFunction <BackfillSelect.Arn>:*',
      's3:AbortMultipartUpload <Results.Arn>/backfills/*',
      's3:GetObject <Results.Arn>/backfills/*',
      's3:ListBucket <Uploads.Arn>',
      's3:ListMultipartUploadParts <Results.Arn>/backfills/*',
      's3:PutObject <Results.Arn>/backfills/*',
      `states:DescribeExecution ${EXECUTIONS}:<BackfillStateMachine:6>:*`,
      `states:DescribeExecution ${EXECUTIONS}:<WorkflowStateMachine.Name>:*`,
      `states:DescribeExecution ${EXECUTIONS}:<WorkflowStateMachine:6>*`,
      `states:RedriveExecution ${EXECUTIONS}:<BackfillStateMachine:6>/Remove:*`,
      `states:RedriveExecution ${EXECUTIONS}:<BackfillStateMachine:6>/Select:*`,
      `states:RedriveExecution ${EXECUTIONS}:<WorkflowStateMachine.Name>:*`,
      'states:StartExecution <BackfillStateMachine>',
      'states:StartExecution <WorkflowStateMachine>',
      `states:StopExecution ${EXECUTIONS}:<BackfillStateMachine:6>:*`,
      `states:StopExecution ${EXECUTIONS}:<WorkflowStateMachine:6>*`,
    ]);
  });
});

describe('what nobody meant to grant', () => {
  it('submit may not write to any bucket', () => {
    for (const action of ANY_WRITE) {
      expect(may('WorkflowSubmitRole', action, '<Uploads.Arn>/cat.jpg')).toBe(false);
      expect(may('WorkflowSubmitRole', action, '<Results.Arn>/cat.jpg.png')).toBe(false);
    }
  });

  it('check-status may not touch S3', () => {
    expect(grants('WorkflowCheckStatusRole').filter(({ action }) => action.startsWith('s3:'))).toEqual([]);
  });

  it('deliver may not write to the uploads bucket', () => {
    for (const action of ANY_WRITE) expect(may('WorkflowDeliverRole', action, '<Uploads.Arn>/cat.jpg')).toBe(false);
  });

  it('deliver may delete nothing but error files', () => {
    const deleted = grants('WorkflowDeliverRole').filter(({ action }) => /delete/i.test(action));
    expect(deleted).toEqual([{ action: 's3:DeleteObject', resource: '<Results.Arn>/*.error.json' }]);
    expect(may('WorkflowDeliverRole', 's3:DeleteObject', '<Results.Arn>/cat.jpg.error.json')).toBe(true);
    expect(may('WorkflowDeliverRole', 's3:DeleteObject', '<Results.Arn>/cat.jpg.png')).toBe(false);
  });

  it('on-upload may only start executions of this state machine and take from its queue', () => {
    const touched = doings('IntakeOnUploadRole').map((line) => line.split(' ')[1]);
    expect(new Set(touched)).toEqual(new Set(['<WorkflowStateMachine>', '<IntakeQueue.Arn>']));
    expect(may('IntakeOnUploadRole', 'states:StopExecution', '<WorkflowStateMachine>')).toBe(false);
    expect(may('IntakeOnUploadRole', 'sqs:SendMessage', '<IntakeQueue.Arn>')).toBe(false);
    expect(may('IntakeOnUploadRole', 'sqs:ReceiveMessage', '<IntakeDeadLetterQueue.Arn>')).toBe(false);
  });

  it('report-failure may not start or stop executions', () => {
    const execution = `${EXECUTIONS}:<WorkflowStateMachine.Name>:cat`;
    expect(may('FailuresReportFailureRole', 'states:DescribeExecution', execution)).toBe(true);
    for (const action of ['StartExecution', 'StartSyncExecution', 'StopExecution', 'RedriveExecution']) {
      expect(may('FailuresReportFailureRole', `states:${action}`, execution)).toBe(false);
      expect(may('FailuresReportFailureRole', `states:${action}`, '<WorkflowStateMachine>')).toBe(false);
    }
  });

  it('report-failure may not see executions of other state machines', () => {
    expect(may('FailuresReportFailureRole', 'states:DescribeExecution', `${EXECUTIONS}:Payroll:june`)).toBe(false);
  });

  it('report-failure may write and delete nothing but error files', () => {
    for (const action of ANY_WRITE) {
      expect(may('FailuresReportFailureRole', action, '<Results.Arn>/cat.jpg.png')).toBe(false);
      expect(may('FailuresReportFailureRole', action, '<Uploads.Arn>/cat.jpg')).toBe(false);
      expect(may('FailuresReportFailureRole', action, '<Uploads.Arn>/cat.jpg.error.json')).toBe(false);
    }
  });

  it.each(ROLES.filter((role) => /Backfill/.test(role)))('%s may not read, write or delete any image', (role) => {
    for (const action of ANY_WRITE) {
      expect(may(role, action, '<Uploads.Arn>/cat.jpg')).toBe(false);
      expect(may(role, action, '<Results.Arn>/cat.jpg.png')).toBe(false);
      expect(may(role, action, '<Results.Arn>/cat.jpg.error.json')).toBe(false);
    }
    // Looking whether an object is there, and what it is made from, is the same permission as reading it.
    for (const object of ['<Uploads.Arn>/cat.jpg', '<Results.Arn>/cat.jpg.png']) {
      expect(may(role, 's3:GetObject', object)).toBe(role === 'BackfillSelectRole');
    }
  });

  it('a backfill submits through the state machine of removals only, and none of its functions starts anything', () => {
    const started = (role: string) => grants(role).filter(({ action }) => action === 'states:StartExecution');
    const machines = started(BACKFILL).map(({ resource }) => resource);
    expect(machines.sort()).toEqual(['<BackfillStateMachine>', '<WorkflowStateMachine>']);
    for (const role of FUNCTION_ROLES.filter((name) => /Backfill/.test(name))) {
      const doing = grants(role).filter(
        ({ action }) => action.startsWith('states:') && action !== 'states:ListExecutions',
      );
      expect(doing).toEqual([]);
    }
  });

  it.each(ROLES.filter((role) => !ASKING.includes(role)))('%s may not read the API key', (role) => {
    expect(grants(role).filter(({ action }) => action.startsWith('secretsmanager:'))).toEqual([]);
  });

  it.each(ROLES)('%s may not change a secret, a role or a function', (role) => {
    const changes = /^(iam|sts|kms):|^secretsmanager:(Put|Update|Delete|Create)|^lambda:(?!InvokeFunction$)/;
    expect(grants(role).filter(({ action }) => changes.test(action))).toEqual([]);
  });

  it.each(ROLES)('%s may never do whole families of actions, such as s3:*', (role) => {
    expect(grants(role).filter(({ action }) => action.includes('*') || action.includes('?'))).toEqual([]);
  });

  it.each(ROLES)('%s has no * for a resource that AWS lets one narrow', (role) => {
    // By AWS's service authorization reference, these take no resource.
    const unnarrowable =
      /^xray:(Put|GetSampling)|^logs:(\w+LogDelivery|ListLogDeliveries|PutResourcePolicy|Describe\w+)$/;
    const anywhere = grants(role).filter(({ resource }) => resource === '*');
    expect(anywhere.filter(({ action }) => !unnarrowable.test(action))).toEqual([]);
    if (FUNCTION_ROLES.includes(role)) expect(anywhere.filter(({ action }) => action.startsWith('logs:'))).toEqual([]);
  });

  it.each(ROLES)('%s has a wildcard only behind a whole bucket, function or state machine of its own', (role) => {
    const bucket = /^<(Uploads|Results)\.Arn>\/(backfills\/)?\*(\.error\.json)?$/;
    const ofBackfills = role === BACKFILL ? /^<Backfill\w+\.Arn>:\*$/ : /^<Workflow\w+\.Arn>:\*$/;
    const execution = /:execution:<(Workflow|Backfill)StateMachine(\.Name|:6)>(\/\w+:|:)?\*$/;
    const wild = grants(role).filter(({ resource }) => resource.includes('*') && resource !== '*');
    for (const { resource } of wild) {
      expect(
        [bucket, ofBackfills, execution].some((known) => known.test(resource)),
        resource,
      ).toBe(true);
    }
  });
});

describe('with prefixes', () => {
  const template = templateOf('prefixes');
  const lines = ROLES.flatMap((role) => doings(role, template));

  it('objects are read and written under them only', () => {
    const objects = lines.filter((line) => line.includes('.Arn>/')).map((line) => line.split(' ')[1]);
    expect([...new Set(objects)].sort()).toEqual([
      '<Results.Arn>/out/*',
      '<Results.Arn>/out/*.error.json',
      '<Results.Arn>/out/backfills/*',
      '<Uploads.Arn>/in/*',
    ]);
  });

  it('an upload elsewhere in the bucket is not read, and a result elsewhere not written', () => {
    expect(may('WorkflowSubmitRole', 's3:GetObject', '<Uploads.Arn>/in/cat.jpg', template)).toBe(true);
    expect(may('WorkflowSubmitRole', 's3:GetObject', '<Uploads.Arn>/payroll.pdf', template)).toBe(false);
    expect(may('WorkflowDeliverRole', 's3:PutObject', '<Results.Arn>/out/cat.jpg.png', template)).toBe(true);
    expect(may('WorkflowDeliverRole', 's3:PutObject', '<Results.Arn>/cat.jpg.png', template)).toBe(false);
    expect(may('WorkflowDeliverRole', 's3:DeleteObject', '<Results.Arn>/cat.jpg.error.json', template)).toBe(false);
    expect(may('FailuresReportFailureRole', 's3:PutObject', '<Results.Arn>/cat.jpg.error.json', template)).toBe(false);
  });
});

describe('with what exists already', () => {
  const bucket = (name: string) => `arn:<AWS::Partition>:s3:::${name}`;

  it('the roles name these buckets, and no other', () => {
    const template = templateOf('existing');
    const named = ROLES.flatMap((role) => grants(role, template))
      .filter(({ action }) => action.startsWith('s3:'))
      .map(({ resource }) => resource.split('/')[0]);
    expect(new Set(named)).toEqual(new Set([bucket('my-uploads'), bucket('my-results')]));
    expect(may('WorkflowSubmitRole', 's3:GetObject', `${bucket('my-uploads')}/cat.jpg`, template)).toBe(true);
    expect(may('WorkflowSubmitRole', 's3:PutObject', `${bucket('my-results')}/cat.jpg.png`, template)).toBe(false);
  });

  it.each([
    ['existing', 'arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:pixazo/api-key-??????'],
    ['existingSecretArn', 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:pixazo/api-key-AbC123'],
  ] as const)('submit, check-status and deliver read this secret and no other (%s)', (variant, arn) => {
    for (const role of ASKING) {
      const secrets = grants(role, templateOf(variant)).filter(({ action }) => SECRET_ACTIONS.includes(action));
      expect(secrets.map(({ resource }) => resource)).toEqual([arn]);
    }
  });
});

describe('with buckets that are encrypted with KMS keys', () => {
  const uploadsKey = 'arn:aws:kms:eu-west-1:111122223333:key/uploads';
  const resultsKey = 'arn:aws:kms:eu-west-1:111122223333:key/results';
  const readAndWrite = [`kms:Decrypt ${resultsKey}`, `kms:GenerateDataKey ${resultsKey}`];
  const EXPECTED: Record<string, string[]> = {
    // For the presigned URL, which is fetched in the name of this role.
    WorkflowSubmitRole: [`kms:Decrypt ${uploadsKey}`],
    WorkflowDeliverRole: readAndWrite,
    // Of uploads, for their checksums.
    FailuresReportFailureRole: [`kms:Decrypt ${uploadsKey}`, `kms:GenerateDataKey ${resultsKey}`],
    // Of results, for error files.
    BackfillSelectRole: [`kms:Decrypt ${resultsKey}`, `kms:Decrypt ${uploadsKey}`],
    BackfillPlanRole: readAndWrite,
    BackfillReportRole: readAndWrite,
    [BACKFILL]: [`kms:Decrypt ${resultsKey}`, `kms:Encrypt ${resultsKey}`, `kms:GenerateDataKey ${resultsKey}`],
  };

  it.each(ROLES)('%s uses exactly the keys that its own reading and writing takes', (role) => {
    const used = doings(role, templateOf('kms')).filter((line) => line.startsWith('kms:'));
    expect(used).toEqual(EXPECTED[role] ?? []);
  });

  it('nobody gets anything else for it', () => {
    const others = (role: string, template: Template) =>
      doings(role, template).filter((line) => !/^(kms|secretsmanager):/.test(line));
    for (const role of ['WorkflowDeliverRole', 'FailuresReportFailureRole', BACKFILL]) {
      expect(others(role, templateOf('kms'))).toEqual(others(role, templateOf('existing')));
    }
  });
});

describe('in webhook mode', () => {
  const template = templateOf('webhook');
  const added = (role: string) => doings(role, template).filter((doing) => !doings(role).includes(doing));

  it('on-callback may note a callback and wake executions of this state machine, and nothing else', () => {
    expect(doings('WebhookOnCallbackRole', template)).toEqual([
      'dynamodb:UpdateItem <WebhookCallbacks.Arn>',
      'states:SendTaskSuccess <WorkflowStateMachine>',
    ]);
  });

  it('submit and the state machine may update records, and no other role gets anything', () => {
    expect(added('WorkflowSubmitRole')).toEqual(['dynamodb:UpdateItem <WebhookCallbacks.Arn>']);
    expect(added(STATE_MACHINE)).toEqual(['dynamodb:UpdateItem <WebhookCallbacks.Arn>']);
    const others = ROLES.filter((role) => !['WorkflowSubmitRole', STATE_MACHINE].includes(role));
    for (const role of others) expect(added(role)).toEqual([]);
  });
});
