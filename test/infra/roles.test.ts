import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { flat, type Json, resources, templateOf } from './support.ts';

const standard = templateOf('default');
const STATE_MACHINE = 'WorkflowStateMachineRole';
const ROLES = ['SubmitRole', 'CheckStatusRole', 'DeliverRole', 'OnUploadRole', 'ReportFailureRole', STATE_MACHINE];

/** One action that a role is allowed, on one resource. */
interface Grant {
  action: string;
  resource: string;
}

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: Json | Json[];
}

/** All that a role may do. */
function grants(role: string, template: Template = standard): Grant[] {
  return Object.values(resources(template, 'AWS::IAM::Policy'))
    .filter(({ Properties }) => Properties.Roles.map(flat).includes(`<${role}>`))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement as Statement[])
    .flatMap(({ Action, Resource }) =>
      [Resource].flat().flatMap((to) => [Action].flat().map((action) => ({ action, resource: flat(to as Json) }))),
    );
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
  it('are one for each function and one for the state machine', () => {
    expect(Object.keys(resources(standard, 'AWS::IAM::Role')).sort()).toEqual([...ROLES].sort());
  });

  it('can be assumed by their service only', () => {
    for (const [name, { Properties }] of Object.entries(resources(standard, 'AWS::IAM::Role'))) {
      const statements = Properties.AssumeRolePolicyDocument.Statement;
      expect(statements).toHaveLength(1);
      const service = name === STATE_MACHINE ? 'states.amazonaws.com' : 'lambda.amazonaws.com';
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
  it.each(ROLES.filter((role) => role !== STATE_MACHINE))('%s: write its own log, and traces', (role) => {
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

  it('submit: read uploads, presign their versions, read the API key', () => {
    expect(doings('SubmitRole')).toEqual([
      's3:GetObject <Uploads.Arn>/*',
      's3:GetObjectVersion <Uploads.Arn>/*',
      's3:ListBucket <Uploads.Arn>',
      'secretsmanager:DescribeSecret <ApiKey>',
      'secretsmanager:GetSecretValue <ApiKey>',
    ]);
  });

  it('check-status: read the API key', () => {
    expect(doings('CheckStatusRole')).toEqual([
      'secretsmanager:DescribeSecret <ApiKey>',
      'secretsmanager:GetSecretValue <ApiKey>',
    ]);
  });

  it('deliver: see uploads, write results, delete error files', () => {
    expect(doings('DeliverRole')).toEqual([
      's3:AbortMultipartUpload <Results.Arn>/*',
      's3:DeleteObject <Results.Arn>/*.error.json',
      's3:GetObject <Results.Arn>/*',
      's3:GetObject <Uploads.Arn>/*',
      's3:ListBucket <Results.Arn>',
      's3:ListBucket <Uploads.Arn>',
      's3:PutObject <Results.Arn>/*',
    ]);
  });

  it('on-upload: start executions of the state machine, take from the queue', () => {
    expect(doings('OnUploadRole')).toEqual([
      'sqs:ChangeMessageVisibility <IntakeQueue.Arn>',
      'sqs:DeleteMessage <IntakeQueue.Arn>',
      'sqs:GetQueueAttributes <IntakeQueue.Arn>',
      'sqs:GetQueueUrl <IntakeQueue.Arn>',
      'sqs:ReceiveMessage <IntakeQueue.Arn>',
      'states:StartExecution <WorkflowStateMachine>',
    ]);
  });

  it('report-failure: see executions, uploads and results, write and delete error files, take from its queue', () => {
    expect(doings('ReportFailureRole')).toEqual([
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
      'lambda:InvokeFunction <CheckStatus.Arn>',
      'lambda:InvokeFunction <CheckStatus.Arn>:*',
      'lambda:InvokeFunction <Deliver.Arn>',
      'lambda:InvokeFunction <Deliver.Arn>:*',
      'lambda:InvokeFunction <Submit.Arn>',
      'lambda:InvokeFunction <Submit.Arn>:*',
    ]);
  });
});

describe('what nobody meant to grant', () => {
  it('submit may not write to any bucket', () => {
    for (const action of ANY_WRITE) {
      expect(may('SubmitRole', action, '<Uploads.Arn>/cat.jpg')).toBe(false);
      expect(may('SubmitRole', action, '<Results.Arn>/cat.jpg.png')).toBe(false);
    }
  });

  it('submit may not read results', () => {
    expect(may('SubmitRole', 's3:GetObject', '<Results.Arn>/cat.jpg.png')).toBe(false);
    expect(may('SubmitRole', 's3:ListBucket', '<Results.Arn>')).toBe(false);
  });

  it('check-status may not touch S3', () => {
    expect(grants('CheckStatusRole').filter(({ action }) => action.startsWith('s3:'))).toEqual([]);
  });

  it('deliver may not read the API key', () => {
    for (const action of SECRET_ACTIONS) expect(may('DeliverRole', action, '<ApiKey>')).toBe(false);
  });

  it('deliver may not write to the uploads bucket', () => {
    for (const action of ANY_WRITE) expect(may('DeliverRole', action, '<Uploads.Arn>/cat.jpg')).toBe(false);
  });

  it('deliver may delete nothing but error files', () => {
    const deleted = grants('DeliverRole').filter(({ action }) => /delete/i.test(action));
    expect(deleted).toEqual([{ action: 's3:DeleteObject', resource: '<Results.Arn>/*.error.json' }]);
    expect(may('DeliverRole', 's3:DeleteObject', '<Results.Arn>/cat.jpg.error.json')).toBe(true);
    expect(may('DeliverRole', 's3:DeleteObject', '<Results.Arn>/cat.jpg.png')).toBe(false);
  });

  it('on-upload may only start executions of this state machine and take from its queue', () => {
    const touched = doings('OnUploadRole').map((line) => line.split(' ')[1]);
    expect(new Set(touched)).toEqual(new Set(['<WorkflowStateMachine>', '<IntakeQueue.Arn>']));
    expect(may('OnUploadRole', 'states:StopExecution', '<WorkflowStateMachine>')).toBe(false);
    expect(may('OnUploadRole', 'sqs:SendMessage', '<IntakeQueue.Arn>')).toBe(false);
    expect(may('OnUploadRole', 'sqs:ReceiveMessage', '<IntakeDeadLetterQueue.Arn>')).toBe(false);
  });

  it('report-failure may not start or stop executions', () => {
    const execution = `${EXECUTIONS}:<WorkflowStateMachine.Name>:cat`;
    expect(may('ReportFailureRole', 'states:DescribeExecution', execution)).toBe(true);
    for (const action of ['StartExecution', 'StartSyncExecution', 'StopExecution', 'RedriveExecution']) {
      expect(may('ReportFailureRole', `states:${action}`, execution)).toBe(false);
      expect(may('ReportFailureRole', `states:${action}`, '<WorkflowStateMachine>')).toBe(false);
    }
  });

  it('report-failure may not see executions of other state machines', () => {
    expect(may('ReportFailureRole', 'states:DescribeExecution', `${EXECUTIONS}:Payroll:june`)).toBe(false);
  });

  it('report-failure may write and delete nothing but error files', () => {
    for (const action of ANY_WRITE) {
      expect(may('ReportFailureRole', action, '<Results.Arn>/cat.jpg.png')).toBe(false);
      expect(may('ReportFailureRole', action, '<Uploads.Arn>/cat.jpg')).toBe(false);
      expect(may('ReportFailureRole', action, '<Uploads.Arn>/cat.jpg.error.json')).toBe(false);
    }
  });

  it.each(['DeliverRole', 'OnUploadRole', 'ReportFailureRole', STATE_MACHINE])(
    '%s may not read the API key',
    (role) => {
      expect(grants(role).filter(({ action }) => action.startsWith('secretsmanager:'))).toEqual([]);
    },
  );

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
    if (role !== STATE_MACHINE) expect(anywhere.filter(({ action }) => action.startsWith('logs:'))).toEqual([]);
  });

  it.each(ROLES)('%s has a wildcard only behind a whole bucket, function or state machine of its own', (role) => {
    const wild = grants(role).filter(({ resource }) => resource.includes('*') && resource !== '*');
    for (const { resource } of wild) {
      expect(resource).toMatch(
        /^(<(Uploads|Results)\.Arn>\/|<(Submit|CheckStatus|Deliver)\.Arn>:|.*:<WorkflowStateMachine\.Name>:)\*(\.error\.json)?$/,
      );
    }
  });
});

describe('with prefixes', () => {
  const template = templateOf('prefixes');
  const lines = ['SubmitRole', 'DeliverRole', 'ReportFailureRole'].flatMap((role) => doings(role, template));

  it('objects are read and written under them only', () => {
    const objects = lines.filter((line) => line.includes('.Arn>/')).map((line) => line.split(' ')[1]);
    expect(new Set(objects)).toEqual(
      new Set(['<Uploads.Arn>/in/*', '<Results.Arn>/out/*', '<Results.Arn>/out/*.error.json']),
    );
  });

  it('an upload elsewhere in the bucket is not read, and a result elsewhere not written', () => {
    expect(may('SubmitRole', 's3:GetObject', '<Uploads.Arn>/in/cat.jpg', template)).toBe(true);
    expect(may('SubmitRole', 's3:GetObject', '<Uploads.Arn>/payroll.pdf', template)).toBe(false);
    expect(may('DeliverRole', 's3:PutObject', '<Results.Arn>/out/cat.jpg.png', template)).toBe(true);
    expect(may('DeliverRole', 's3:PutObject', '<Results.Arn>/cat.jpg.png', template)).toBe(false);
    expect(may('DeliverRole', 's3:DeleteObject', '<Results.Arn>/cat.jpg.error.json', template)).toBe(false);
    expect(may('ReportFailureRole', 's3:PutObject', '<Results.Arn>/cat.jpg.error.json', template)).toBe(false);
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
    expect(may('SubmitRole', 's3:GetObject', `${bucket('my-uploads')}/cat.jpg`, template)).toBe(true);
    expect(may('SubmitRole', 's3:GetObject', `${bucket('my-results')}/cat.jpg.png`, template)).toBe(false);
  });

  it.each([
    ['existing', 'arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:pixazo/api-key-??????'],
    ['existingSecretArn', 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:pixazo/api-key-AbC123'],
  ] as const)('submit and check-status read this secret and no other (%s)', (variant, arn) => {
    for (const role of ['SubmitRole', 'CheckStatusRole']) {
      const secrets = grants(role, templateOf(variant)).filter(({ action }) => SECRET_ACTIONS.includes(action));
      expect(secrets.map(({ resource }) => resource)).toEqual([arn, arn]);
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
    expect(added('SubmitRole')).toEqual(['dynamodb:UpdateItem <WebhookCallbacks.Arn>']);
    expect(added(STATE_MACHINE)).toEqual(['dynamodb:UpdateItem <WebhookCallbacks.Arn>']);
    for (const role of ['CheckStatusRole', 'DeliverRole', 'OnUploadRole', 'ReportFailureRole']) {
      expect(added(role)).toEqual([]);
    }
  });
});
