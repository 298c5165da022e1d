import type { IncomingMessage } from 'node:http';
import { AwsError } from './error.ts';

/** How a request is written, and its answer has to be. */
export type Protocol = 'json' | 'query' | 'cbor' | 'rest';

/** What a request asks for. */
export interface Call {
  /** As AWS's own protocols have it, such as `AWSStepFunctions`. */
  service: string;
  /** Such as `StartExecution`; where the request does not name it, and nobody here knows its path, method and path. */
  operation: string;
  input: unknown;
  protocol: Protocol;
}

/** Services whose operations are named in a form, by their name in a signature. */
const FORM_SERVICES: Record<string, string> = {
  cloudformation: 'CloudFormation',
  ec2: 'EC2',
  iam: 'IAM',
  monitoring: 'CloudWatch',
  sns: 'SNS',
  sqs: 'AmazonSQS',
  sts: 'STS',
};

/** Operations of Lambda, whose requests do not name them, by method and path, in which a part of the input may stand. */
const LAMBDA: [RegExp, string][] = [
  [/^GET \/2015-03-31\/functions\/?$/, 'ListFunctions'],
  [/^GET \/2015-03-31\/functions\/[^/]+$/, 'GetFunction'],
  [/^GET \/2015-03-31\/event-source-mappings\/?$/, 'ListEventSourceMappings'],
  [/^GET \/2015-03-31\/event-source-mappings\/(?<UUID>[^/]+)$/, 'GetEventSourceMapping'],
  [/^PUT \/2015-03-31\/event-source-mappings\/(?<UUID>[^/]+)$/, 'UpdateEventSourceMapping'],
  [/^POST \/2015-03-31\/functions\/[^/]+\/invocations$/, 'Invoke'],
];

/** Reads what a request asks for. @throws AwsError if its body cannot be read */
export function readCall({ method = 'GET', url = '/', headers }: IncomingMessage, body: string): Call {
  const target = headers['x-amz-target'];
  if (typeof target === 'string') {
    const [service = '', operation = ''] = target.split('.');
    return { service, operation, input: parsed(body), protocol: 'json' };
  }
  const [, cborService, cborOperation] = /^\/service\/([^/]+)\/operation\/([^/?]+)/.exec(url) ?? [];
  if (cborService !== undefined && cborOperation !== undefined) {
    // No operation here is asked for in CBOR, so nobody reads the input.
    return { service: cborService, operation: cborOperation, input: undefined, protocol: 'cbor' };
  }
  const signedFor = serviceIn(headers.authorization) ?? 'unsigned';
  const form = new URLSearchParams(body);
  const action = form.get('Action');
  if (method === 'POST' && action !== null) {
    const service = FORM_SERVICES[signedFor] ?? signedFor;
    return { service, operation: action, input: formInput(form), protocol: 'query' };
  }
  const shape = `${method} ${url.replace(/\?.*$/, '')}`;
  const known = signedFor === 'lambda' ? LAMBDA.find(([pattern]) => pattern.test(shape)) : undefined;
  const [pattern, operation = shape] = known ?? [];
  if (operation === 'Invoke') {
    return { service: signedFor, operation, input: invocation(url, headers, body), protocol: 'rest' };
  }
  const inPath = pattern?.exec(shape)?.groups;
  const input = inPath === undefined ? {} : { ...(parsed(body) as object), ...inPath };
  return { service: signedFor, operation, input, protocol: 'rest' };
}

/** What the path, a header and the body say of an invocation. */
function invocation(url: string, headers: IncomingMessage['headers'], body: string): Record<string, unknown> {
  const [, , , functionName = ''] = url.split('/');
  const invocationType = headers['x-amz-invocation-type'] ?? 'RequestResponse';
  return { functionName: decodeURIComponent(functionName), invocationType, payload: parsed(body) };
}

/** Whether a request is for S3, which has no names of operations: by its signature, or as it has none at all. */
export function isForS3({ headers, url = '/' }: IncomingMessage): boolean {
  if (headers['x-amz-target'] !== undefined || url.startsWith('/service/')) return false;
  const service = serviceIn(headers.authorization);
  if (service !== undefined) return service === 's3';
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
  return !isForm;
}

/** Whose access key a request says it is signed with. */
export function accessKeyIn({ headers }: IncomingMessage): string | undefined {
  return /Credential=([^/,]+)\//.exec(headers.authorization ?? '')?.[1];
}

/** The service that a request is signed for, such as `states` or `s3`. */
function serviceIn(authorization = ''): string | undefined {
  return /Credential=[^/,]+\/\d+\/[^/,]+\/([^/,]+)\/aws4_request/.exec(authorization)?.[1];
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body || '{}');
  } catch {
    throw new AwsError('SerializationException', 'The body of the request is no JSON');
  }
}

/** A form as the JSON protocols have it: `Name.1`, or `Names.member.1`, is an item of the list `Names`. */
function formInput(form: URLSearchParams): Record<string, string | string[]> {
  const input: Record<string, string | string[]> = {};
  for (const [field, value] of form) {
    const [, name, isMember] = /^(\w+?)(\.member)?\.\d+$/.exec(field) ?? [];
    if (name === undefined) input[field] = value;
    else {
      const list = isMember ? name : `${name}s`;
      input[list] = [...(input[list] ?? []), value];
    }
  }
  return input;
}
