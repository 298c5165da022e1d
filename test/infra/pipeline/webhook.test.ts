import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { flat, type Resource, resource, resources } from '../read-template.ts';
import { templateOf } from '../synth.ts';
import type { Variant } from '../variants.ts';

const standard = templateOf('default');

describe('webhook mode', () => {
  const template = templateOf('webhook');

  it('adds a table, a function and its public URL, and nothing else that could cost or break', () => {
    const count = (from: Template) =>
      Object.values(from.toJSON().Resources as Record<string, Resource>)
        .map(({ Type }) => Type)
        .sort();
    const added = count(template);
    for (const type of count(standard)) added.splice(added.indexOf(type), 1);
    expect(added).toEqual([
      'AWS::DynamoDB::Table',
      'AWS::IAM::Policy',
      'AWS::IAM::Policy',
      'AWS::IAM::Role',
      'AWS::Lambda::Function',
      'AWS::Lambda::Permission',
      'AWS::Lambda::Permission',
      'AWS::Lambda::Url',
      'AWS::Logs::LogGroup',
    ]);
    expect(resources(standard, 'AWS::DynamoDB::Table')).toEqual({});
  });

  it('keeps one record a submission, on demand, and forgets it by itself', () => {
    expect(resource(template, 'AWS::DynamoDB::Table', 'WebhookCallbacks').Properties).toMatchObject({
      KeySchema: [{ AttributeName: 'submission', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    });
  });

  it('lets anybody call the URL, which takes both permissions, and only by the URL', () => {
    const permissions = Object.values(resources(template, 'AWS::Lambda::Permission')).map(
      ({ Properties }) => Properties,
    );
    const common = { Principal: '*', FunctionName: expect.anything() };
    expect(permissions).toEqual(
      expect.arrayContaining([
        { ...common, Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'NONE' },
        { ...common, Action: 'lambda:InvokeFunction', InvokedViaFunctionUrl: true },
      ]),
    );
    expect(resource(template, 'AWS::Lambda::Url', 'WebhookOnCallbackFunctionUrl').Properties.AuthType).toBe('NONE');
  });

  it('tells Submit where callbacks come in, and puts the address out', () => {
    const { Variables } = resource(template, 'AWS::Lambda::Function', 'WorkflowSubmit').Properties.Environment;
    expect(flat(Variables.CALLBACK_TABLE)).toBe('<WebhookCallbacks>');
    expect(flat(Variables.CALLBACK_URL)).toBe('<WebhookOnCallbackFunctionUrl.FunctionUrl>');
    expect(template.findOutputs('CallbackUrl')).toHaveProperty('CallbackUrl');
    expect(standard.findOutputs('CallbackUrl')).toEqual({});
  });

  it('waits by updateItem with a task token, and goes on to the status whatever comes of it', () => {
    const { definition } = definitionOf('webhook');
    const state = definition.States['Await callback'];
    expect(state).toMatchObject({
      Type: 'Task',
      Resource: expect.stringMatching(/:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken$/),
      Next: 'Check status',
      ResultPath: null,
      TimeoutSeconds: 300,
      Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: null, Next: 'Check status' }],
      Parameters: { ConditionExpression: 'attribute_not_exists(calledBackAt)' },
    });
    // A retry would come before the catch: neither an overtaking callback nor a lost one is one.
    expect(state.Retry[0]).toEqual({
      ErrorEquals: [
        'States.Timeout',
        'DynamoDb.ConditionalCheckFailedException',
        'DynamoDB.ConditionalCheckFailedException',
      ],
      MaxAttempts: 0,
    });
    expect(definition.States.Submit.Next).toBe('Await callback');
    expect(Object.keys(definitionOf('default').definition.States)).not.toContain('Await callback');
  });
});

/** The definition of a variant's state machine. */
function definitionOf(variant: Variant): { definition: { States: Record<string, Resource['Properties']> } } {
  const machine = resource(templateOf(variant), 'AWS::StepFunctions::StateMachine', 'WorkflowStateMachine');
  return { definition: JSON.parse(flat(machine.Properties.DefinitionString)) };
}
