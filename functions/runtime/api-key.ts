import { SecretsProvider } from '@aws-lambda-powertools/parameters/secrets';
import { ResourceNotFoundException } from '@aws-sdk/client-secrets-manager';
import { CutoutError } from '../errors.ts';
import { whyNoApiKey } from '../gateway/api-key.ts';
import { env } from './env.ts';

/** How long a key is used before the secret is read again, in seconds: a rotated key needs no deploy. */
const MAX_AGE_SECONDS = 300;

const secrets = new SecretsProvider({});

/**
 * The gateway's API key, from the secret whose ARN is in `API_KEY_SECRET_ARN`.
 *
 * @param options `fresh` reads past the cache.
 * @throws ApiKeyNotSet if the secret has no value yet, or one that is no key.
 */
export async function apiKey({ fresh }: { fresh: boolean } = { fresh: false }): Promise<string> {
  const arn = env('API_KEY_SECRET_ARN');
  let value: unknown;
  try {
    value = await secrets.get(arn, { maxAge: MAX_AGE_SECONDS, forceFetch: fresh });
  } catch (error) {
    // A secret that was made without a value has no current version, which Secrets Manager reports as not found.
    if (!(error instanceof Error && error.cause instanceof ResourceNotFoundException)) throw error;
  }
  // Stored from a file or a terminal, a key often ends with a newline.
  const key = typeof value === 'string' ? value.trim() : '';
  const problem = whyNoApiKey(key);
  // It may have been set since it was read.
  if (problem && !fresh) return apiKey({ fresh: true });
  if (problem) throw new CutoutError('ApiKeyNotSet', `The secret with the API key of the gateway ${problem}`);
  return key;
}
