import { createHash, createHmac } from 'node:crypto';
import { S3Error } from './errors.ts';
import { parameter, type Request } from './request.ts';

/** What a request says about who signed it, and how; nothing of it is checked yet. */
export interface Claim {
  accessKeyId: string;
  /** Date, region, service and `aws4_request`, joined by slashes. */
  scope: string;
  signedHeaders: string[];
  signature: string;
  date: string;
  presigned: boolean;
  expires: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/** The signature that a request carries in its Authorization header or, presigned, in its query. */
export function readClaim(request: Request): Claim | undefined {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const fields = /^AWS4-HMAC-SHA256\s+Credential=([^/,]+)\/([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=(\w+)$/;
    const [, accessKeyId = '', scope = '', headers = '', signature = ''] = fields.exec(authorization) ?? [];
    if (!accessKeyId) return undefined;
    const date = request.headers['x-amz-date'] ?? '';
    return { accessKeyId, scope, signedHeaders: headers.split(';'), signature, date, presigned: false, expires: '' };
  }
  if (request.headers['x-amz-signature'] === undefined || request.headers['x-amz-algorithm'] !== ALGORITHM) {
    return undefined;
  }
  const [accessKeyId = '', ...scope] = (request.headers['x-amz-credential'] ?? '').split('/');
  return {
    accessKeyId,
    scope: scope.join('/'),
    signedHeaders: (request.headers['x-amz-signedheaders'] ?? '').split(';'),
    signature: request.headers['x-amz-signature'],
    date: request.headers['x-amz-date'] ?? '',
    presigned: true,
    expires: request.headers['x-amz-expires'] ?? '',
  };
}

/** Checks Signature Version 4 of a request, and throws the error that S3 would answer with. */
export function authenticate(request: Request, credentials: Record<string, string>): void {
  const claim = readClaim(request);
  if (!claim) throw unsigned(request);
  const secret = Object.hasOwn(credentials, claim.accessKeyId) ? credentials[claim.accessKeyId] : undefined;
  if (secret === undefined) {
    throw new S3Error(403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.');
  }
  if (claim.presigned) checkExpiry(claim);
  checkCoverage(request, claim);
  if (signatureOf(request, claim, secret) !== claim.signature) {
    throw new S3Error(
      403,
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    );
  }
}

/** What to do about a signature of version 2, with which version 1 of the AWS CLI, and boto3, presign unless told otherwise. */
const SIGN_ANEW =
  'With the AWS CLI: aws configure set default.s3.signature_version s3v4; with boto3: ' +
  "Config(signature_version='s3v4'). Then sign again.";

function unsigned(request: Request): S3Error {
  const old = request.headers.authorization?.startsWith('AWS ') || parameter(request, 'AWSAccessKeyId') !== undefined;
  return old
    ? new S3Error(
        400,
        'InvalidRequest',
        'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256. ' +
          `(This is Signature Version 2. ${SIGN_ANEW})`,
      )
    : new S3Error(403, 'AccessDenied', 'Access Denied: the request carries no signature.');
}

function checkExpiry(claim: Claim): void {
  const seconds = Number(claim.expires);
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(claim.date) ?? [];
  const signed = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(signed) || !claim.expires || !(seconds >= 1 && seconds <= 604_800)) {
    throw new S3Error(
      400,
      'AuthorizationQueryParametersError',
      'X-Amz-Date must be given, and X-Amz-Expires must be between 1 second and a week (604800 seconds).',
    );
  }
  if (Date.now() >= signed + seconds * 1000) throw new S3Error(403, 'AccessDenied', 'Request has expired');
}

/** S3 refuses `x-amz-…` headers that the signature does not cover: they could have been added on the way. */
function checkCoverage(request: Request, claim: Claim): void {
  const unsigned = Object.keys(request.sentHeaders).filter(
    (name) => name.startsWith('x-amz-') && !claim.signedHeaders.includes(name),
  );
  if (unsigned.length > 0 || !claim.signedHeaders.includes('host')) {
    const names = unsigned.join(', ') || 'host';
    throw new S3Error(403, 'AccessDenied', `There were headers present in the request which were not signed: ${names}`);
  }
}

function signatureOf(request: Request, claim: Claim, secret: string): string {
  const [day = '', region = '', service = '', terminator = ''] = claim.scope.split('/');
  if (service !== 's3' || terminator !== 'aws4_request' || !claim.date.startsWith(day)) {
    throw new S3Error(
      400,
      'AuthorizationHeaderMalformed',
      'The credential must be <key>/<date>/<region>/s3/aws4_request, of the same date as X-Amz-Date.',
    );
  }
  const canonicalRequest = [
    request.method,
    encode(request.path).replaceAll('%2F', '/'),
    canonicalQuery(request.query),
    ...claim.signedHeaders.map((name) => `${name}:${(request.sentHeaders[name] ?? '').trim().replace(/\s+/g, ' ')}`),
    '',
    claim.signedHeaders.join(';'),
    payloadHash(request, claim),
  ].join('\n');
  const hash = createHash('sha256').update(canonicalRequest).digest('hex');
  const signingKey = [day, region, service, terminator].reduce<string | Buffer>(hmac, `AWS4${secret}`);
  return hmac(signingKey, [ALGORITHM, claim.date, claim.scope, hash].join('\n')).toString('hex');
}

function payloadHash(request: Request, claim: Claim): string {
  const sent = request.sentHeaders['x-amz-content-sha256'];
  if (claim.presigned) return sent ?? 'UNSIGNED-PAYLOAD';
  if (sent === undefined) {
    throw new S3Error(400, 'InvalidRequest', 'Missing required header for this request: x-amz-content-sha256');
  }
  return sent;
}

function canonicalQuery(query: Request['query']): string {
  return query
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** Percent-encoding as Signature Version 4 wants it: everything but unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
