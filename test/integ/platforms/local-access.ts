import type { Call } from '../../../local/callers.ts';
import type { LocalCloud } from '../../../local/cloud.ts';
import { type Policies, policiesOf, refused } from '../../permissions/policies.ts';
import { type IamRequest, Requests } from '../../permissions/requests.ts';
import type { Denial } from '../denials.ts';

/** What functions, state machines and rules do on this machine, and whether the template's policies would let them. */
export class LocalAccess {
  readonly #cloud: LocalCloud;
  /** Of this deployment; those of earlier ones have been decided. */
  #requests = new Map<string, IamRequest>();
  #needed: Requests;
  #policies: Policies;
  readonly #earlier: Promise<string[]>[] = [];

  constructor(cloud: LocalCloud) {
    this.#cloud = cloud;
    this.#needed = new Requests(cloud, {});
    this.#policies = policiesOf(cloud.template, {});
    cloud.onCall = (call) => this.#note(call);
  }

  /** To be called after each deployment: roles may have changed. */
  deployed(): void {
    const policies = policiesOf(this.#cloud.template, {});
    const requests = [...this.#requests.values()];
    // What came while it was deployed was decided by the one or the other.
    this.#earlier.push(refusedByBoth(this.#policies, policies, requests));
    this.#policies = policies;
    this.#requests = new Map();
    this.#needed = new Requests(this.#cloud, {});
    for (const request of this.#needed.ofStateMachines()) this.#add(request);
  }

  async denials(): Promise<Denial[]> {
    const lines = [...(await Promise.all(this.#earlier)), await refused(this.#policies, [...this.#requests.values()])];
    return [...new Set(lines.flat())].map((line) => {
      const [, principal = '', action = '', said = ''] = /^(\S+): (\S+) (.*)$/.exec(line) ?? [];
      return { principal, action, where: 'policies of the template', said };
    });
  }

  #note(call: Call): void {
    for (const request of this.#needed.of(withArn(this.#cloud, call))) this.#add(this.#completed(request));
  }

  /** What only this stack has: a task token of another state machine, and a policy on a header that the local S3 has checked. */
  #completed(request: IamRequest): IamRequest {
    const { template } = this.#cloud;
    const { action, resource, context } = request;
    if (action === 'states:SendTaskSuccess') {
      return { ...request, resource: JSON.parse(template.output('PlacesOfWebhook')).stateMachineArn };
    }
    const { results } = JSON.parse(template.output('PlacesOfKms'));
    if (action !== 's3:PutObject' || !resource.startsWith(`arn:aws:s3:::${results}/`)) return request;
    const [key] = template.resources('AWS::KMS::Key');
    const headers = {
      's3:x-amz-server-side-encryption': 'aws:kms',
      's3:x-amz-server-side-encryption-aws-kms-key-id': template.arn(key?.logicalId ?? ''),
    };
    return { ...request, context: { ...context, ...headers } };
  }

  #add(request: IamRequest): void {
    // To policies, the keys of a case are alike but for their beginning and their end.
    const [, bucket, key = ''] = /^(arn:aws:s3:::[^/]+\/)(.*)$/.exec(request.resource) ?? [];
    const resource = bucket === undefined ? request.resource : bucket + key.replace(/[0-9a-f]{6,}|\d+/g, '0');
    this.#requests.set(JSON.stringify({ ...request, resource }), { ...request, resource });
  }
}

async function refusedByBoth(before: Policies, after: Policies, requests: IamRequest[]): Promise<string[]> {
  const lines = await refused(before, requests);
  if (lines.length === 0) return [];
  const still = await refused(after, requests);
  return lines.filter((line) => still.includes(line));
}

/** A function names another, or itself, where a state machine gives an ARN; and the SDK names the operation in its own way. */
function withArn({ functions }: LocalCloud, call: Call): Call {
  if (call.operation !== 'lambda.Invoke') return call;
  const named = [...functions.values()].find(({ name }) => name === call.input.functionName);
  return { ...call, operation: 'Lambda.Invoke', input: { ...call.input, functionName: named?.arn } };
}
