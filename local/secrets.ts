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

  put(id: string, value: string): void {
    this.#values.set(this.#find(id), value);
  }

  get(id: string): string {
    const value = this.#values.get(this.#find(id));
    if (value === undefined) {
      throw notFound("Secrets Manager can't find the specified secret value for staging label: AWSCURRENT");
    }
    return value;
  }

  readonly operations: Record<string, Operation> = {
    'secretsmanager.ListSecrets': () => ({ SecretList: Array.from(this.#values.keys(), described) }),
    'secretsmanager.DescribeSecret': ({ SecretId }) => described(this.#find(SecretId)),
    'secretsmanager.GetSecretValue': ({ SecretId }) => ({
      ...described(this.#find(SecretId)),
      SecretString: this.get(SecretId),
    }),
    'secretsmanager.PutSecretValue': ({ SecretId, SecretString }) => {
      this.put(SecretId, SecretString);
      return described(this.#find(SecretId));
    },
  };

  /** The ARN of a secret, which may also be given by its name. @throws AwsError */
  #find(id: string): string {
    const found = [...this.#values.keys()].find((arn) => arn === id || described(arn).Name === id);
    if (found === undefined) throw notFound("Secrets Manager can't find the specified secret.");
    return found;
  }
}

function described(arn: string): { ARN: string; Name: string } {
  // Behind the name, an ARN has six characters that Secrets Manager chose.
  return { ARN: arn, Name: arn.replace(/^(.*:secret:)?/, '').replace(/-\w{6}$/, '') };
}

function notFound(message: string): AwsError {
  return new AwsError('ResourceNotFoundException', message);
}
