import type { Template } from '../template.ts';

/** The tables of a template. */
export function tablesOf(template: Template): { name: string; partitionKey: string }[] {
  return template.resources('AWS::DynamoDB::Table').map(({ logicalId, properties }) => ({
    name: template.ref(logicalId),
    partitionKey: properties.KeySchema[0].AttributeName,
  }));
}

/** ARNs of the secrets that a template makes, or that its output names: an existing one is not made by the stack. */
export function secretsOf(template: Template): string[] {
  const made = template.resources('AWS::SecretsManager::Secret').map(({ logicalId }) => template.arn(logicalId));
  return template.outputNames.includes('ApiKeySecretArn') ? [...made, template.output('ApiKeySecretArn')] : made;
}
