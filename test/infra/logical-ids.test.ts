import { describe, expect, it } from 'vitest';
import { templateOf } from './synth.ts';
import { VARIANTS, type Variant } from './variants.ts';

/**
 * CloudFormation knows a resource by its logical id, which the CDK makes of the construct's path. Another id is another
 * resource: an upgrade would make a new, empty one and drop the old one, or leave it behind. So an id below changes only
 * together with a note in the release that says what to do about it.
 */

/** What would be lost, or would have to be moved: images, results, the API key, messages, executions, addresses. */
const STATEFUL = [
  'AWS::S3::Bucket',
  'AWS::SecretsManager::Secret',
  'AWS::DynamoDB::Table',
  'AWS::SQS::Queue',
  // With it go the executions that are under way, their history, and the ARN that other workflows call.
  'AWS::StepFunctions::StateMachine',
  // Its address stands in submissions that wait for their callback.
  'AWS::Lambda::Url',
  // Whoever gets the alarms would have to confirm it anew.
  'AWS::SNS::Topic',
  'AWS::SNS::Subscription',
];
/** Not among them are log groups: what they keep is forgotten in time anyway, and leaves with the stack. */
const BUCKETS = ['BackgroundRemovalResultsFC9BDE9A', 'BackgroundRemovalUploads2D1C7296'];
const SECRET = ['BackgroundRemovalApiKeyB0B77453'];
const ALWAYS = [
  'BackgroundRemovalBackfillStateMachineD0F82DCD',
  'BackgroundRemovalFailuresDeadLetterQueue4B34628B',
  'BackgroundRemovalFailuresQueueDE093329',
  'BackgroundRemovalIntakeDeadLetterQueue44D7F0DC',
  'BackgroundRemovalIntakeQueue4192D5C4',
  'BackgroundRemovalWorkflowStateMachineADA6E10C',
];
const WEBHOOK = ['BackgroundRemovalWebhookCallbacksC369E521', 'BackgroundRemovalWebhookOnCallbackFunctionUrl39809D6C'];
/** Counts of today. */
const LIMIT = ['BackgroundRemovalDailyLimitDays2EDFB6B1'];
const USUAL = [...BUCKETS, ...SECRET, ...ALWAYS];

const EXPECTED: Record<Variant, string[]> = {
  default: USUAL,
  destroy: USUAL,
  email: [...USUAL, 'AlarmTopicD01E77F9', 'AlarmTopicimagesexamplecom96169D41'],
  existing: ALWAYS,
  existingSecretArn: [...BUCKETS, ...ALWAYS],
  tuned: USUAL,
  paced: [...USUAL, ...LIMIT],
  webhook: [...USUAL, ...WEBHOOK],
  prefixes: USUAL,
  suffixes: USUAL,
  kms: [...SECRET, ...ALWAYS],
};

function stateful(variant: Variant): [logicalId: string, properties: Record<string, unknown>][] {
  const template = templateOf(variant);
  return STATEFUL.flatMap((type) => Object.entries(template.findResources(type))).map(([id, { Properties }]) => [
    id,
    Properties ?? {},
  ]);
}

const NAMES = Object.keys(VARIANTS) as Variant[];

/** An execution keeps the definition that it began with, and with it the ids of the functions that this names. */
const INVOKED = [
  'BackgroundRemovalBackfillPlanB966297F',
  'BackgroundRemovalBackfillPrepare6F8AE427',
  'BackgroundRemovalBackfillReport81815F39',
  'BackgroundRemovalBackfillSelect0712A7B0',
  'BackgroundRemovalWorkflowCheckStatus7E51308B',
  'BackgroundRemovalWorkflowDeliver95CA8F93',
  'BackgroundRemovalWorkflowSubmitB117747F',
];

describe('what an upgrade must not replace', () => {
  it.each(NAMES)('keeps its logical id in the variant "%s"', (variant) => {
    const ids = stateful(variant).map(([id]) => id);
    expect(ids.sort()).toEqual([...EXPECTED[variant]].sort());
  });

  it.each(NAMES)('has no name of ours in the variant "%s", whose change would replace it as well', (variant) => {
    const named = stateful(variant).filter(([, properties]) =>
      Object.keys(properties).some((property) => /^(Bucket|Table|Queue|StateMachine|Topic)?Name$/.test(property)),
    );
    expect(named).toEqual([]);
  });
});

describe('what an execution that began before an upgrade still invokes', () => {
  it.each(NAMES)('keeps its logical id in the variant "%s"', (variant) => {
    const template = templateOf(variant);
    const functions = Object.keys(template.findResources('AWS::Lambda::Function'));
    const definitions = JSON.stringify(
      Object.values(template.findResources('AWS::StepFunctions::StateMachine')).map(
        ({ Properties }) => Properties.DefinitionString,
      ),
    );
    const invoked = functions.filter((id) => definitions.includes(`"Fn::GetAtt":["${id}","Arn"]`));
    expect(invoked.sort()).toEqual(INVOKED);
  });
});
