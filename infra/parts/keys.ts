import type { IAlias, IKey } from 'aws-cdk-lib/aws-kms';
import type { IConstruct } from 'constructs';
import { SettingError } from '../settings/readers.ts';

/** A bucket or a secret, with the KMS key that encrypts it. */
export interface Encrypted extends IConstruct {
  readonly encryptionKey?: IKey | undefined;
}

/** ARN of the KMS key itself, also behind an alias: a policy that names an alias permits nothing. @throws SettingError */
export function keyArnOf({ encryptionKey, node }: Encrypted): string | undefined {
  if (encryptionKey === undefined || !isAlias(encryptionKey)) return encryptionKey?.keyArn;
  try {
    return encryptionKey.aliasTargetKey.keyArn;
  } catch {
    throw new SettingError(
      `The encryptionKey of ${node.path} is the alias ${encryptionKey.aliasName}, whose key is not known, and a policy ` +
        'that names an alias permits nothing. Give the key: Key.fromKeyArn() or Key.fromLookup().',
    );
  }
}

function isAlias(key: IKey): key is IAlias {
  return 'aliasName' in key;
}
