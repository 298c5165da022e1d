const SIGN_IN =
  'Sign in as for the AWS CLI (aws sso login, aws configure), or name a profile in AWS_PROFILE; "aws sts get-caller-identity" says who you are.';

/** What AWS's error names mean to whoever runs a command here; names differ from service to service. */
const WORDS: [names: RegExp, what: string, remedy: string][] = [
  [/^(CredentialsProviderError|TokenProviderError)$/, 'There are no usable AWS credentials', SIGN_IN],
  [/^(ExpiredToken|ExpiredTokenException|RequestExpired)$/, 'The AWS credentials have expired', SIGN_IN],
  [
    /^(InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidSignatureException|AuthFailure)$/,
    'AWS does not accept the credentials',
    SIGN_IN,
  ],
  [
    /^(AccessDenied|AccessDeniedException|UnauthorizedOperation)$/,
    'AWS refuses this to your credentials',
    'Ask for the permission, or use those that deployed the stack.',
  ],
  [/^NoSuchBucket$/, 'There is no such bucket', 'If it was deleted, make it again, or deploy with another one.'],
  [
    /^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException)$/,
    'The bucket is in another region than the stack',
    'Buckets, their events and the stack must be in one region: deploy with a bucket of this region.',
  ],
];

/** Codes of a connection that did not come about, or broke. */
const NO_CONNECTION = /^(ECONN\w+|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/;

/** A problem in words for people, with a remedy where AWS's own message has none. */
export function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { name, message } = error;
  for (const [names, what, remedy] of WORDS) if (names.test(name)) return `${what} (${name}: ${message}). ${remedy}`;
  if (/^Region is missing/.test(message)) {
    return 'No AWS region is chosen. Set AWS_REGION, or "region" in the profile (aws configure).';
  }
  const code = 'code' in error ? String(error.code) : '';
  if (NO_CONNECTION.test(code)) {
    const endpoint = process.env.AWS_ENDPOINT_URL === undefined ? 'the network' : 'the network and AWS_ENDPOINT_URL';
    return `AWS could not be reached (${message || code}). Check ${endpoint}, and the region.`;
  }
  return message || name;
}

/** Does one step of a command; its failure says which one it was. */
export async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Error(`Could not ${what}. ${inWords(error)}`, { cause: error });
  }
}
