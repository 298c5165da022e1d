import { App, CfnParameter, Stack } from 'aws-cdk-lib';
import { DefinitionBody, JsonPath, type QueryLanguage, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { describe, expect, it } from 'vitest';
import { RemoveBackground, type RemoveBackgroundProps } from '../../../infra/remove-background.ts';
import { SettingError } from '../../../infra/settings/readers.ts';
import { refusalOf } from '../refusal-of.ts';

type Image = Omit<RemoveBackgroundProps, 'stateMachine'>;
type Language = 'JSONPath' | 'JSONata';

/** Synthesizes a caller; by the constructor, the state takes its state machine's language. */
function synth(language: Language, image: Image, by: 'method' | 'constructor' = 'method', id = 'Cut out'): void {
  const stack = new Stack(new App(), 'Caller');
  const arn = 'arn:aws:states:eu-west-1:111122223333:stateMachine:Cutout';
  const props = { stateMachine: StateMachine.fromStateMachineArn(stack, 'Cutout', arn), ...image };
  const make = { JSONPath: RemoveBackground.jsonPath, JSONata: RemoveBackground.jsonata }[language];
  const state = by === 'method' ? make(stack, id, props) : new RemoveBackground(stack, id, props);
  new StateMachine(stack, 'Orders', {
    definitionBody: DefinitionBody.fromChainable(state),
    queryLanguage: language as QueryLanguage,
  });
  (stack.node.root as App).synth();
}

/** The message that refuses it. */
const refusal = (...args: Parameters<typeof synth>) => refusalOf(() => synth(...args));

const OBJECT = { bucket: 'uploads', key: 'a.jpg' };
const URL = { imageUrl: 'https://example.com/a.jpg', resultKey: 'a' };

describe('a path in the wrong language, which would be taken for a text, is refused with the remedy', () => {
  it.each<[Language, Image, field: string, remedy: string]>([
    ['JSONPath', { ...URL, imageUrl: '$.u' }, 'imageUrl', "JsonPath.stringAt('$.u')"],
    ['JSONPath', { ...URL, imageUrl: "$['u']" }, 'imageUrl', `JsonPath.stringAt('$['u']')`],
    ['JSONPath', { ...OBJECT, versionId: '$$.Execution.Input.v' }, 'versionId', 'JsonPath.stringAt('],
    ['JSONPath', { ...OBJECT, key: "States.Format('{}', $.k)" }, 'key', 'JsonPath.'],
    ['JSONPath', { ...OBJECT, key: '{% $states.input.key %}' }, 'key', 'RemoveBackground.jsonata()'],
    [
      'JSONPath',
      { ...OBJECT, executionName: '{% $states.input.order %}' },
      'executionName',
      'RemoveBackground.jsonata()',
    ],
    ['JSONPath', { ...OBJECT, executionName: '$.order' }, 'executionName', "JsonPath.stringAt('$.order')"],
    ['JSONPath', { ...OBJECT, key: `in/${JsonPath.stringAt('$.key')}` }, 'key', 'JsonPath.format('],
    ['JSONata', { ...OBJECT, key: JsonPath.stringAt('$.key') }, 'key', '{% $states.input'],
    ['JSONata', { ...OBJECT, key: `in/${JsonPath.stringAt('$.key')}` }, 'key', '{% $states.input'],
    ['JSONata', { ...OBJECT, executionName: JsonPath.stringAt('$.order') }, 'executionName', '{% $states.input'],
    ['JSONata', { ...URL, imageUrl: '$.u' }, 'imageUrl', '{% $states.input'],
    ['JSONata', { ...URL, imageUrl: '$states.input.u' }, 'imageUrl', '{% $states.input.u %}'],
    ['JSONata', { ...OBJECT, key: 'in/{% $states.input.key %}' }, 'key', "{% 'in/' & $states.input.key %}"],
  ])('in %s %j', (language, image, field, remedy) => {
    for (const by of ['method', 'constructor'] as const) {
      const message = refusal(language, image, by);
      expect(message.startsWith(`${field} of RemoveBackground "Cut out" `)).toBe(true);
      expect(message).toContain(remedy);
    }
  });

  it('and neither is what is known only at deployment', () => {
    const { valueAsString } = new CfnParameter(new Stack(new App(), 'Other'), 'Bucket');
    for (const language of ['JSONPath', 'JSONata'] as const) {
      expect(() => RemoveBackground.jsonPath).not.toThrow();
      expect(() => synth(language, { ...OBJECT, bucket: valueAsString })).not.toThrow(SettingError);
    }
  });
});

describe('a text that cannot be what it is given for is refused', () => {
  it.each<[field: string, Image]>([
    ['executionName', { ...OBJECT, executionName: 'order 1' }],
    ['executionName', { ...OBJECT, executionName: 'a/b' }],
    ['executionName', { ...OBJECT, executionName: 'x'.repeat(81) }],
    ['executionName', { ...OBJECT, executionName: '' }],
    ['executionName', { ...OBJECT, executionName: '🦊' }],
    ['bucket', { ...OBJECT, bucket: 'arn:aws:s3:::uploads' }],
    ['key', { ...OBJECT, key: 'photos/' }],
    ['key', { ...OBJECT, key: 'é'.repeat(513) }],
    ['etag', { ...OBJECT, etag: '' }],
    ['imageUrl', { ...URL, imageUrl: 's3://photos/a.jpg' }],
    ['resultKey', { ...URL, resultKey: '' }],
  ])('as %s: %j', (field, image) => {
    for (const language of ['JSONPath', 'JSONata'] as const) {
      expect(refusal(language, image)).toMatch(new RegExp(`^${field} of RemoveBackground "Cut out" must `));
    }
  });

  it.each<Image>([
    { ...OBJECT, executionName: 'Bestellung-1_ä.b' },
    { ...OBJECT, key: 'カット/é 🦊 50% {1}.jpg', versionId: 'v1', etag: '"e1"' },
    { ...URL, resultKey: 'price $5/a' },
  ])('but not %j', (image) => {
    for (const language of ['JSONPath', 'JSONata'] as const) expect(() => synth(language, image)).not.toThrow();
  });

  it('as the name of the state, which Step Functions takes 80 characters of', () => {
    expect(refusal('JSONPath', OBJECT, 'method', 'x'.repeat(81))).toContain('needs a stateName');
    expect(() => synth('JSONPath', { ...OBJECT, stateName: 'Cut out' }, 'method', 'x'.repeat(81))).not.toThrow();
  });
});
