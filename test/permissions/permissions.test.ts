import { App, type AppProps, CfnOutput, Stack } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { beforeAll, describe, expect, it } from 'vitest';
import { BackgroundRemoval } from '../../infra/index.ts';
import type { CloudOptions } from '../../local/cloud.ts';
import { ACCOUNT, REGION } from '../../local/template.ts';
import { picture } from '../pictures.ts';
import { startCloud } from '../pipeline-rig.ts';
import { type Policies, policiesOf, refused, unused } from './policies.ts';
import { type Existing, type IamRequest, Requests } from './requests.ts';
import { everything, type Places } from './scenarios.ts';

/**
 * Each function, state machine and rule calls AWS's services in its own name; whether AWS would let it is decided, by
 * an evaluator of IAM policies, on the roles and the resource policies that the template makes.
 */

const keyArn = (name: string) => `arn:aws:kms:${REGION}:${ACCOUNT}:key/${name}`;

const VARIANTS = {
  'by default': { options: { settings: { pause: true } } },
  'with existing buckets, their KMS keys and a secret by its name': {
    options: {
      settings: {
        ...{ pause: true, imagesPerDay: 1000 },
        ...{ uploadsBucket: 'photos', uploadsKmsKey: keyArn('photos') },
        ...{ resultsBucket: 'cutouts', resultsKmsKey: keyArn('cutouts') },
        ...{ apiKeySecret: 'pixazo/api-key', apiKeyKmsKey: keyArn('api-key') },
      },
      existingBuckets: {
        photos: { versioned: true, eventBridge: true },
        cutouts: { versioned: true },
      },
    },
    existing: {
      keys: { photos: keyArn('photos'), cutouts: keyArn('cutouts') },
      secretKeys: { 'pixazo/api-key': keyArn('api-key') },
    },
  },
  'in webhook mode, in another app, with two prefixes of one bucket and keys of that app': {
    options: { app: anotherApp },
    places: { prefix: 'in/' },
  },
} satisfies Record<string, { options?: CloudOptions; existing?: Existing; places?: Places }>;

type Variant = keyof typeof VARIANTS;

/** What roles may do although nothing here does it. */
const UNUSED: { what: RegExp; why: string }[] = [
  {
    what: /: lambda:InvokeFunction \S+:\*$/,
    why: 'Versions of a function: the CDK permits them with the function. None is published.',
  },
  {
    what: /: sqs:(ChangeMessageVisibility|GetQueueUrl) /,
    why: 'The CDK permits all that a consumer of a queue may do. AWS lists three actions that Lambda needs.',
  },
  {
    what: /: states:(Describe|Stop)Execution \S+:execution:BackgroundRemovalBackfillStateMachine\w+:\*$/,
    why: 'AWS asks for it where there is a Distributed Map, and the CDK adds it. Map Runs of this machine do without.',
  },
  {
    what: /: states:RedriveExecution \S+\/\w+:\*$/,
    why: 'With it a redriven backfill redrives the children that failed. This machine begins Map Runs anew.',
  },
];

interface Recorded {
  policies: Policies;
  requests: IamRequest[];
}

const recordings = new Map<Variant, Promise<Recorded>>();

/** All that a variant asks of IAM: it is run when it is first wanted. */
function recordingOf(variant: Variant): Promise<Recorded> {
  const recording = recordings.get(variant) ?? record(VARIANTS[variant]);
  recordings.set(variant, recording);
  return recording;
}

async function record(variant: { options?: CloudOptions; existing?: Existing; places?: Places }): Promise<Recorded> {
  const { options, existing = {}, places = {} } = variant;
  const cloud = await startCloud(options);
  try {
    const needed = new Requests(cloud, existing);
    const requests = [...needed.ofStateMachines(), ...needed.ofSchedules()];
    cloud.onCall = (call) => requests.push(...needed.of(call));
    await everything(cloud, await picture(200), places);
    return { policies: policiesOf(cloud.template, existing), requests };
  } finally {
    await cloud.close();
  }
}

describe.each(Object.keys(VARIANTS) as Variant[])('%s', (variant) => {
  beforeAll(async () => {
    await recordingOf(variant);
  });

  it('nothing is done that IAM would refuse', async () => {
    const { policies, requests } = await recordingOf(variant);
    expect(await refused(policies, requests)).toEqual([]);
  });

  it('nothing is permitted that is never done, but for what is listed with its reason', async () => {
    const { policies, requests } = await recordingOf(variant);
    const lines = unused(policies, requests);
    expect(lines.filter((line) => !UNUSED.some(({ what }) => what.test(line)))).toEqual([]);
    expect(UNUSED.filter(({ what }) => !lines.some((line) => what.test(line)))).toEqual([]);
  });
});

describe('what nobody meant to permit', () => {
  const CUTOUT = 'cat.jpg.png';
  /** By the role's name: what it must not do to objects of the uploads and of the results bucket, and else. */
  const FORBIDDEN: [role: string, action: string, where: 'uploads' | 'results' | string, key?: string][] = [
    ...['Submit', 'CheckStatus', 'OnUpload', 'ReportFailure', 'Prepare', 'Select', 'Plan', 'Report'].map(
      (role): (typeof FORBIDDEN)[number] => [`${role}Role`, 's3:PutObject', 'results', CUTOUT],
    ),
    ...['Submit', 'Deliver', 'ReportFailure', 'Select', 'Plan', 'Report'].map((role): (typeof FORBIDDEN)[number] => [
      `${role}Role`,
      's3:PutObject',
      'uploads',
      'cat.jpg',
    ]),
    ...['Deliver', 'ReportFailure', 'Submit', 'Select', 'Plan', 'Report'].map((role): (typeof FORBIDDEN)[number] => [
      `${role}Role`,
      's3:DeleteObject',
      'results',
      CUTOUT,
    ]),
    ['CheckStatusRole', 's3:GetObject', 'uploads', 'cat.jpg'],
    ['OnUploadRole', 's3:GetObject', 'uploads', 'cat.jpg'],
    ['PlanRole', 's3:GetObject', 'results', CUTOUT],
    ['ReportFailureRole', 'states:StartExecution', 'machine'],
    ['OnUploadRole', 'states:StopExecution', 'machine'],
    ['KeepPauseFunctionRole', 'states:StartExecution', 'machine'],
    ['KeepPauseFunctionRole', 'states:StopExecution', 'machine'],
    ['KeepPauseFunctionRole', 's3:PutObject', 'results', 'paused.json'],
    ['KeepPauseFunctionRole', 's3:DeleteObject', 'results', CUTOUT],
    ['OnUploadRole', 's3:DeleteObject', 'results', 'paused.json'],
    ['CheckStatusRole', 's3:DeleteObject', 'results', 'paused.json'],
    ['OnUploadRole', 'secretsmanager:GetSecretValue', 'secret'],
    ['ReportFailureRole', 'secretsmanager:GetSecretValue', 'secret'],
    ['SelectRole', 'secretsmanager:GetSecretValue', 'secret'],
  ];

  it('is refused by the roles as they are', async () => {
    const [DEFAULT] = Object.keys(VARIANTS) as [Variant];
    const { policies, requests } = await recordingOf(DEFAULT);
    const roles = [...policies.ofRoles.keys()];
    const resourceOf = (action: string, like: string) =>
      requests.find((each) => each.action === action && each.resource.toLowerCase().includes(like))?.resource ?? '';
    const placeOf = (where: string, key = '') => {
      if (where === 'machine') return resourceOf('states:StartExecution', 'workflow');
      if (where === 'secret') return resourceOf('secretsmanager:GetSecretValue', '');
      const [bucket = ''] = /^arn:aws:s3:::[^/]+/.exec(resourceOf('s3:GetObject', where)) ?? [];
      return `${bucket}/${key}`;
    };
    const forbidden = FORBIDDEN.map(([role, action, where, key]) => {
      const principal = roles.find(
        (arn) => arn.includes(role) && (role !== 'ReportRole' || /BackfillReportRole/.test(arn)),
      );
      return { principal: principal ?? expect.fail(role), action, resource: placeOf(where, key), context: {} };
    });
    for (const { resource } of forbidden) expect(resource).toMatch(/^arn:aws:.*[^/]$/);
    expect(await refused(policies, forbidden)).toHaveLength(forbidden.length);
  });
});

describe('what is wrong is found', () => {
  const [DEFAULT, EXISTING, OTHER] = Object.keys(VARIANTS) as [Variant, Variant, Variant];

  it.each<[string, Variant, keyof Policies, string, string]>([
    ['a role’s permission for objects', DEFAULT, 'ofRoles', 'DeliverRole', 's3:AbortMultipartUpload'],
    ['a role’s permission to tell 404 from 403', DEFAULT, 'ofRoles', 'SubmitRole', 's3:ListBucket'],
    ['what a presigned URL needs of its signer', DEFAULT, 'ofRoles', 'SubmitRole', 's3:GetObjectVersion'],
    ['what a state needs of the state machine', DEFAULT, 'ofRoles', 'WorkflowStateMachine', 'lambda:InvokeFunction'],
    ['what a Distributed Map needs', EXISTING, 'ofRoles', 'BackfillStateMachine', 's3:GetObject'],
    ['a role’s permission for an imported key', EXISTING, 'ofRoles', 'DeliverRole', 'kms:GenerateDataKey'],
    ['an imported key’s trust in the account', EXISTING, 'ofResources', 'key/photos', 'kms:*'],
    ['a rule’s permission in the policy of its queue', DEFAULT, 'ofResources', 'IntakeQueue', 'sqs:SendMessage'],
    ['what on-upload needs to send a message anew', DEFAULT, 'ofRoles', 'OnUploadRole', 'sqs:SendMessage'],
    ['what stops uploads', DEFAULT, 'ofRoles', 'KeepPauseFunctionRole', 'lambda:UpdateEventSourceMapping'],
    ['what a schedule needs', DEFAULT, 'ofResources', 'KeepPauseFunction', 'lambda:InvokeFunction'],
    ['what counts submissions', EXISTING, 'ofRoles', 'SubmitRole', 'dynamodb:UpdateItem'],
    ['Lambda’s trust', DEFAULT, 'ofResources', 'SubmitRole', 'sts:AssumeRole'],
    ['the key policy that the template makes', OTHER, 'ofResources', 'key/', 'kms:*'],
    ['the public’s permission to call back', OTHER, 'ofResources', 'OnCallback', 'lambda:InvokeFunction'],
    ['what wakes an execution', OTHER, 'ofRoles', 'OnCallbackRole', 'states:SendTaskSuccess'],
  ])('%s that is missing', async (_, variant, kind, name, action) => {
    const { policies, requests } = await recordingOf(variant);
    const affected = requests.filter((request) => request.action.startsWith(action.replace('*', '')));
    const lines = await refused(without(policies, kind, name, action), affected);
    expect(lines).not.toEqual([]);
    for (const line of lines) expect(line).toContain(name);
  });

  it('a request that is not encrypted', async () => {
    const { policies, requests } = await recordingOf(DEFAULT);
    const inTheOpen = requests
      .filter(({ action }) => action === 's3:GetObject')
      .map((request) => ({ ...request, context: { 'aws:SecureTransport': 'false' } }));
    const lines = await refused(policies, inTheOpen);
    expect(lines).not.toEqual([]);
    for (const line of lines) expect(line).toMatch(/: s3:GetObject .*: ExplicitlyDenied$/);
  });

  it('a rule that is not the queue’s own', async () => {
    const { policies, requests } = await recordingOf(DEFAULT);
    const foreign = requests
      .filter(({ action }) => action === 'sqs:SendMessage')
      .map((request) => ({
        ...request,
        context: { 'aws:SourceArn': `arn:aws:events:${REGION}:${ACCOUNT}:rule/other` },
      }));
    const lines = await refused(policies, foreign);
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(/^events.amazonaws.com: sqs:SendMessage .*: ImplicitlyDenied$/);
  });

  it('a permission too many', async () => {
    const { policies, requests } = await recordingOf(DEFAULT);
    const [[role, statements] = ['', []]] = policies.ofRoles;
    const further = { Effect: 'Allow', Action: 's3:PutObjectAcl', Resource: 'arn:aws:s3:::*' } as const;
    const ofRoles = new Map(policies.ofRoles).set(role, [...statements, further]);
    const before = unused(policies, requests);
    const more = unused({ ...policies, ofRoles }, requests).filter((line) => !before.includes(line));
    expect(more).toEqual([`${role.split('/')[1]}: s3:PutObjectAcl arn:aws:s3:::*`]);
  });
});

/** Policies in which those of the named roles or resources lack an action. */
function without(policies: Policies, kind: keyof Policies, name: string, action: string): Policies {
  const changed = [...policies[kind]].map(([arn, statements]) => {
    if (!arn.includes(name)) return [arn, statements] as const;
    const kept = statements
      .map((statement) => ({ ...statement, Action: [statement.Action].flat().filter((each) => each !== action) }))
      .filter(({ Action }) => Action.length > 0);
    return [arn, kept] as const;
  });
  return { ...policies, [kind]: new Map(changed) };
}

/** Somebody else's CDK app. */
function anotherApp(props: AppProps): App {
  const app = new App(props);
  const stack = new Stack(app, 'Cutout');
  const pictures = new Bucket(stack, 'Pictures', {
    encryption: BucketEncryption.KMS,
    encryptionKey: new Key(stack, 'PicturesKey'),
    enforceSSL: true,
    versioned: true,
  });
  const removal = new BackgroundRemoval(stack, 'BackgroundRemoval', {
    uploads: pictures,
    results: pictures,
    uploadsPrefix: 'in/',
    resultsPrefix: 'out/',
    apiKeySecret: new Secret(stack, 'ApiKey', { encryptionKey: new Key(stack, 'ApiKeyKey') }),
    webhook: {},
    gatewayUrl: app.node.getContext('gatewayUrl'),
    resultHosts: [app.node.getContext('resultHosts')],
  });
  const output = (name: string, value: string) => new CfnOutput(stack, name, { value });
  output('UploadsBucket', pictures.bucketName);
  output('ResultsBucket', pictures.bucketName);
  output('StateMachineArn', removal.stateMachine.stateMachineArn);
  output('BackfillStateMachineArn', removal.backfillStateMachine.stateMachineArn);
  return app;
}
