import { describe, expect, it } from 'vitest';
import { flat, resource } from '../read-template.ts';
import { templateOf } from '../synth.ts';

const standard = templateOf('default');

describe('the secret', () => {
  it('has no value, made up or given: what stands there would be sent to the gateway as a key', () => {
    const secret = resource(standard, 'AWS::SecretsManager::Secret', 'ApiKey');
    expect(Object.keys(secret.Properties)).toEqual(['Description']);
    expect(secret.DeletionPolicy).toBe('Retain');
  });

  it.each(['existing', 'existingSecretArn'] as const)('is not made in the variant "%s", which names one', (variant) => {
    templateOf(variant).resourceCountIs('AWS::SecretsManager::Secret', 0);
    const { Variables } = resource(templateOf(variant), 'AWS::Lambda::Function', 'WorkflowSubmit').Properties
      .Environment;
    expect(flat(Variables.API_KEY_SECRET_ARN)).toMatch(/^arn:.+:secretsmanager:.+:secret:pixazo\/api-key/);
  });
});
