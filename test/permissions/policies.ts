import type { Simulation } from '@cloud-copilot/iam-simulate';
import { ACCOUNT, type Template } from '../../local/template.ts';
import type { Existing, IamRequest } from './requests.ts';

interface Statement {
  Effect: 'Allow' | 'Deny';
  Action: string | string[];
  Resource?: string | string[];
  Principal?: unknown;
  Condition?: Record<string, Record<string, unknown>>;
}

/** What IAM decides by. */
export interface Policies {
  /** Statements by ARN of the role that they are attached to. */
  ofRoles: Map<string, Statement[]>;
  /** Statements of resource policies, by ARN of the resource; that of a bucket counts for its objects too. */
  ofResources: Map<string, Statement[]>;
}

/** All policies of a template that decide on what its functions and state machines do. */
export function policiesOf(template: Template, { keys = {}, secretKeys = {} }: Existing): Policies {
  // The CDK's own helpers do not run on this machine.
  const functions = template
    .resources('AWS::Lambda::Function')
    .filter(({ assetPath, logicalId }) => assetPath !== undefined && !logicalId.includes('CustomResourceProvider'));
  const machines = template.resources('AWS::StepFunctions::StateMachine');
  const roles = new Set([...functions, ...machines].map(({ properties }) => properties.Role ?? properties.RoleArn));
  const ofRoles: Policies['ofRoles'] = new Map();
  const ofResources: Policies['ofResources'] = new Map();
  const add = (policies: Map<string, Statement[]>, arn: string, statements: Statement[]) =>
    policies.set(arn, [...(policies.get(arn) ?? []), ...statements]);

  for (const { logicalId, properties } of template.resources('AWS::IAM::Role')) {
    const { AssumeRolePolicyDocument, Policies: inline = [], ManagedPolicyArns } = properties;
    const arn = template.arn(logicalId);
    if (!roles.has(arn)) continue;
    if (ManagedPolicyArns) throw new Error(`${logicalId} has managed policies, which stand in no template`);
    // The resource of a trust policy is the role itself.
    add(ofResources, arn, AssumeRolePolicyDocument.Statement);
    for (const { PolicyDocument } of inline) add(ofRoles, arn, PolicyDocument.Statement);
  }
  for (const { properties } of template.resources('AWS::IAM::Policy')) {
    for (const role of properties.Roles) {
      const arn = `arn:aws:iam::${ACCOUNT}:role/${role}`;
      if (roles.has(arn)) add(ofRoles, arn, properties.PolicyDocument.Statement);
    }
  }
  for (const { properties } of template.resources('AWS::S3::BucketPolicy')) {
    add(ofResources, `arn:aws:s3:::${properties.Bucket}`, properties.PolicyDocument.Statement);
  }
  const queues = template.resources('AWS::SQS::Queue').map(({ logicalId }) => logicalId);
  for (const { properties } of template.resources('AWS::SQS::QueuePolicy')) {
    for (const queue of queues.filter((id) => properties.Queues.includes(template.ref(id)))) {
      add(ofResources, template.arn(queue), properties.PolicyDocument.Statement);
    }
  }
  for (const { properties } of template.resources('AWS::Lambda::Permission')) {
    add(ofResources, properties.FunctionName, [statementOf(properties)]);
  }
  for (const { logicalId, properties } of template.resources('AWS::KMS::Key')) {
    add(ofResources, template.arn(logicalId), properties.KeyPolicy.Statement);
  }
  // The policy that a key has unless it is given another one: the account's IAM policies decide.
  const root = { AWS: `arn:aws:iam::${ACCOUNT}:root` };
  for (const arn of Object.values({ ...keys, ...secretKeys })) {
    add(ofResources, arn, [{ Effect: 'Allow', Principal: root, Action: 'kms:*', Resource: '*' }]);
  }
  return { ofRoles, ofResources };
}

/** What Lambda makes of a permission in the policy of the function. */
// biome-ignore lint/suspicious/noExplicitAny: CloudFormation properties have no types here
function statementOf(permission: any): Statement {
  const { Action, FunctionName, Principal, SourceArn, FunctionUrlAuthType, InvokedViaFunctionUrl } = permission;
  return {
    Effect: 'Allow',
    Principal: Principal === '*' ? '*' : { Service: Principal },
    Action,
    Resource: FunctionName,
    Condition: {
      ...(SourceArn && { ArnLike: { 'aws:SourceArn': SourceArn } }),
      ...(FunctionUrlAuthType && { StringEquals: { 'lambda:FunctionUrlAuthType': FunctionUrlAuthType } }),
      ...(InvokedViaFunctionUrl && { Bool: { 'lambda:InvokedViaFunctionUrl': 'true' } }),
    },
  };
}

/** Those of the requests that IAM would refuse, as lines. */
export async function refused(policies: Policies, requests: IamRequest[]): Promise<string[]> {
  const different = new Map(requests.map((request) => [JSON.stringify(request), request]));
  const lines: string[] = [];
  for (const request of different.values()) {
    const decision = await decide(policies, request);
    const { principal, action, resource } = request;
    if (decision !== 'Allowed') lines.push(`${nameOf(principal)}: ${action} ${resource}: ${decision}`);
  }
  return lines;
}

/** What IAM decides, or why it cannot. */
async function decide({ ofRoles, ofResources }: Policies, request: IamRequest): Promise<string> {
  // Loaded when it is first needed: it brings data on all of AWS's services.
  const { anonymousPrincipal, runSimulation, runUnsafeSimulation } = await import('@cloud-copilot/iam-simulate');
  const { principal, action, resource, context } = request;
  const ofRole = ofRoles.get(principal ?? '');
  // The policy of a bucket is that of its objects.
  const ofResource = ofResources.get(resource.replace(/^(arn:aws:s3:::[^/]+).*/, '$1'));
  const simulation: Simulation = {
    request: {
      principal: principal ?? anonymousPrincipal,
      action,
      resource: { resource, accountId: ACCOUNT },
      contextVariables: { 'aws:SecureTransport': 'true', ...context },
    },
    identityPolicies: ofRole ? [{ name: 'role', policy: documentOf(ofRole) }] : [],
    resourcePolicy: ofResource && documentOf(ofResource),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  };
  // AWS's list of actions gives this one no resource, so the validation would refuse it; but where AWS denies it, the
  // message names the state machine, which is also what the CDK grants it on.
  if (action === 'states:SendTaskSuccess') return runUnsafeSimulation(simulation, {});
  const result = await runSimulation(simulation, {});
  return result.resultType === 'error' ? JSON.stringify(result.errors) : result.overallResult;
}

function nameOf(principal = 'anybody'): string {
  return principal.split('/').at(-1) ?? '';
}

function documentOf(statements: Statement[]): object {
  return { Version: '2012-10-17', Statement: statements };
}

/** What roles are allowed and none of the requests makes use of: one action on one resource each, as lines. */
export function unused({ ofRoles }: Policies, requests: IamRequest[]): string[] {
  const isUsed = (principal: string, action: string, resource: string) =>
    requests.some(
      (request) =>
        request.principal === principal && matches(action, request.action) && matches(resource, request.resource),
    );
  return [...ofRoles].flatMap(([principal, statements]) =>
    statements.flatMap(({ Action, Resource = [] }) =>
      [Action].flat().flatMap((action) =>
        [Resource]
          .flat()
          .filter((resource) => !isUsed(principal, action, resource))
          .map((resource) => `${nameOf(principal)}: ${action} ${resource}`),
      ),
    ),
  );
}

/** By IAM's own rules: `*` and `?` stand for anything. */
function matches(pattern: string, text: string): boolean {
  const escaped = pattern.replace(/[\\^$.|+()[\]{}]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(text);
}
