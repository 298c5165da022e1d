import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { CfnSecret, type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import type { BundledFunction } from './function.ts';
import { keyArnOf } from './keys.ts';
import { accept } from './nag.ts';

/** A secret without a value, for the gateway's API key. */
export function emptySecret(scope: Construct, removalPolicy: RemovalPolicy = RemovalPolicy.RETAIN): ISecret {
  // The higher construct would generate a password, and that would be sent to the gateway as a key.
  const secret = new CfnSecret(scope, 'ApiKey', { description: 'API key of the Pixazo gateway, as plain text' });
  secret.applyRemovalPolicy(removalPolicy);
  accept(secret, 'AwsSolutions-SMG4', 'The key is issued by the gateway; Secrets Manager cannot rotate it.');
  return Secret.fromSecretCompleteArn(scope, 'ApiKeySecret', secret.ref);
}

/** Less than `grantRead`, which permits secretsmanager:DescribeSecret too. */
export function allowToReadSecret(secret: ISecret, { ownRole }: BundledFunction): void {
  const { secretArn, secretFullArn } = secret;
  // A complete ARN ends in six characters that Secrets Manager chose.
  const resources = [secretFullArn ?? `${secretArn}-??????`];
  ownRole.addToPolicy(new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources }));
  const keyArn = keyArnOf(secret);
  if (keyArn === undefined) return;
  // On the role itself: the policy of a key that is only known by its ARN cannot be changed, and that of a key in another
  // stack would make the two stacks need each other.
  const conditions = {
    StringEquals: { 'kms:ViaService': `secretsmanager.${Stack.of(ownRole).region}.amazonaws.com` },
  };
  ownRole.addToPolicy(new PolicyStatement({ actions: ['kms:Decrypt'], resources: [keyArn], conditions }));
}
