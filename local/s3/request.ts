import type { IncomingMessage } from 'node:http';
import { S3Error } from './errors.ts';

/** A request as S3 understands it. */
export interface Request {
  method: string;
  /** S3's name of the operation, or the bare method and parameters of one that S3 does not have. */
  operation: string;
  /** Decoded path, as the signature covers it. */
  path: string;
  bucket: string;
  key: string;
  query: [name: string, value: string][];
  /** Lower-case names. A presigned URL may carry `x-amz-…` headers as parameters: they are here as well. */
  headers: Record<string, string>;
  /** The headers that were sent as headers. */
  sentHeaders: Record<string, string>;
}

/** Parameters that do not choose the operation. */
const PLAIN_PARAMETERS = new Set(
  (
    'x-id versionId prefix delimiter max-keys continuation-token start-after encoding-type fetch-owner max-buckets ' +
    'marker key-marker version-id-marker'
  ).split(' '),
);

/** Names of operations, also of some that are not offered here. */
const OPERATIONS: Record<string, string> = {
  'GET service': 'ListBuckets',
  'HEAD bucket': 'HeadBucket',
  'GET bucket?location': 'GetBucketLocation',
  'GET bucket?versioning': 'GetBucketVersioning',
  'GET bucket?notification': 'GetBucketNotificationConfiguration',
  'PUT bucket?notification': 'PutBucketNotificationConfiguration',
  'GET bucket?list-type': 'ListObjectsV2',
  'GET bucket': 'ListObjects',
  'GET bucket?versions': 'ListObjectVersions',
  'GET bucket?uploads': 'ListMultipartUploads',
  'GET bucket?policy': 'GetBucketPolicy',
  'GET bucket?acl': 'GetBucketAcl',
  'GET bucket?encryption': 'GetBucketEncryption',
  'GET bucket?lifecycle': 'GetBucketLifecycleConfiguration',
  'GET bucket?publicAccessBlock': 'GetPublicAccessBlock',
  'GET bucket?tagging': 'GetBucketTagging',
  'PUT bucket': 'CreateBucket',
  'DELETE bucket': 'DeleteBucket',
  'POST bucket?delete': 'DeleteObjects',
  'GET object': 'GetObject',
  'HEAD object': 'HeadObject',
  'GET object?attributes': 'GetObjectAttributes',
  'GET object?tagging': 'GetObjectTagging',
  'PUT object?tagging': 'PutObjectTagging',
  'GET object?acl': 'GetObjectAcl',
  'GET object?uploadId': 'ListParts',
  'PUT object': 'PutObject',
  'DELETE object': 'DeleteObject',
  'POST object?uploads': 'CreateMultipartUpload',
  'PUT object?partNumber&uploadId': 'UploadPart',
  'POST object?uploadId': 'CompleteMultipartUpload',
  'DELETE object?uploadId': 'AbortMultipartUpload',
};

const COPIES: Record<string, string> = { PutObject: 'CopyObject', UploadPart: 'UploadPartCopy' };

/**
 * Reads a request line and headers. The target is taken apart by hand: `URL` would resolve `..` and merge what S3 keeps
 * apart, and keys must come through exactly.
 */
export function parseRequest(message: IncomingMessage): Request {
  const method = message.method ?? 'GET';
  const target = message.url ?? '/';
  const mark = target.indexOf('?');
  const path = decode(mark < 0 ? target : target.slice(0, mark));
  const query = mark < 0 ? [] : parseQuery(target.slice(mark + 1));
  const slash = path.indexOf('/', 1);
  const bucket = slash < 0 ? path.slice(1) : path.slice(1, slash);
  const key = slash < 0 ? '' : path.slice(slash + 1);

  const sentHeaders: Record<string, string> = {};
  for (const [name, values] of Object.entries(message.headersDistinct)) {
    if (values) sentHeaders[name] = values.join(',');
  }
  const hoisted = query
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .filter(([name]) => name.startsWith('x-amz-'));
  const headers = { ...Object.fromEntries(hoisted), ...sentHeaders };
  const operation = operationOf(method, bucket, key, query, headers);
  return { method, operation, path, bucket, key, query, headers, sentHeaders };
}

/** The first value of a parameter. */
export function parameter(request: Request, name: string): string | undefined {
  return request.query.find((entry) => entry[0] === name)?.[1];
}

function operationOf(
  method: string,
  bucket: string,
  key: string,
  query: Request['query'],
  headers: Request['headers'],
): string {
  const scope = !bucket ? 'service' : !key ? 'bucket' : 'object';
  const choosing = query
    .map(([name]) => name)
    .filter((name) => !PLAIN_PARAMETERS.has(name) && !name.toLowerCase().startsWith('x-amz-'))
    .sort();
  const shape = `${method} ${scope}${choosing.length > 0 ? `?${choosing.join('&')}` : ''}`;
  const operation = OPERATIONS[shape] ?? shape;
  return 'x-amz-copy-source' in headers ? (COPIES[operation] ?? operation) : operation;
}

function parseQuery(query: string): [string, string][] {
  return query
    .split('&')
    .filter(Boolean)
    .map((pair) => {
      const equals = pair.indexOf('=');
      const [name, value] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
      return [decode(name.replaceAll('+', ' ')), decode(value.replaceAll('+', ' '))];
    });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error(400, 'InvalidURI', "Couldn't parse the specified URI.");
  }
}
