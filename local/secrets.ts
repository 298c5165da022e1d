import { AwsError, type Operation } from './aws-api.ts';

/** Secrets Manager: secrets that are made without a value, and have none until somebody puts one. */
export class LocalSecrets {
  readonly #values = new Map<string, string | undefined>();

  /** Makes a secret, in the place of one that there may be. */
  create(arn: string, value?: string): void {
    this.#values.set(arn, value);
  }

  has(arn: string): boolean {
    return this.#values.has(arn);
  }

  put(arn: string, value: string): void {
    if (!this.#values.has(arn)) throw notFound("Secrets Manager can't find the specified secret.");
    this.#values.set(arn, value);
  }

  get(arn: string): string {
    const value = this.#values.get(arn);
    if (value === undefined) {
      throw notFound("Secrets Manager can't find the specified secret value for staging label: AWSCURRENT");
    }
    return value;
  }

  readonly operations: Record<string, Operation> = {
    'secretsmanager.GetSecretValue': ({ SecretId }) => ({ ARN: SecretId, SecretString: this.get(SecretId) }),
    'secretsmanager.PutSecretValue': ({ SecretId, SecretString }) => {
      this.put(SecretId, SecretString);
      return { ARN: SecretId };
    },
  };
}

function notFound(message: string): AwsError {
  return new AwsError('ResourceNotFoundException', message);
}
