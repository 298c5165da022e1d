import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { BackgroundRemoval } from '../../../infra/background-removal.ts';
import type { BackgroundRemovalProps } from '../../../infra/props.ts';
import { readSettings } from '../../../infra/settings/context.ts';
import { SettingError } from '../../../infra/settings/readers.ts';
import { flat, grantsOf, resource, resources } from '../read-template.ts';
import { refusalOf } from '../refusal-of.ts';

/** Makes the construct in a stack of somebody's own. */
function make(props: BackgroundRemovalProps, region?: string): Stack {
  const stack = new Stack(new App(), 'Shop', { env: region === undefined ? {} : { region } });
  new BackgroundRemoval(stack, 'Removal', props);
  return stack;
}

/** The message that refuses these props. */
const refusal = (...args: Parameters<typeof make>) => refusalOf(() => make(...args));

describe('webhook', () => {
  it.each(['us-gov-west-1', 'cn-north-1', 'eu-central-2'])('is refused in %s, without function URLs', (region) => {
    expect(refusal({ webhook: {} }, region)).toContain(`webhook of Shop/Removal cannot be used in ${region}`);
  });

  it('is accepted elsewhere, and where the region is not known', () => {
    expect(() => make({ webhook: {} }, 'eu-west-1')).not.toThrow();
    expect(() => make({ webhook: {} })).not.toThrow();
  });
});

describe('a prefix beyond Latin-1', () => {
  const PREFIXES = { uploadsPrefix: '写真/二〇二六–a/', resultsPrefix: 'café/切り抜き/' };
  const template = Template.fromStack(make(PREFIXES));

  it('stands in policies with a wildcard for what IAM does not take', () => {
    const policies = Object.values(resources(template, 'AWS::IAM::Policy'));
    // What IAM's API takes in a policy.
    for (const { Properties } of policies) {
      expect(JSON.stringify(Properties.PolicyDocument)).toMatch(/^[\t\n\r\u0020-\u00ff]+$/);
    }
    const granted = grantsOf(template, 'RemovalWorkflowSubmitRole').map(({ resource: arn }) => arn);
    expect(granted).toContain('<RemovalUploads.Arn>/*/*a/*');
    expect(granted).toContain('<RemovalResults.Arn>/café/*/*');
  });

  it('is told as it is to EventBridge and to the functions', () => {
    const { EventPattern } = resource(template, 'AWS::Events::Rule', 'RemovalIntakeRule').Properties;
    expect(EventPattern.detail.object.key).toEqual([{ prefix: PREFIXES.uploadsPrefix }]);
    const { Variables } = resource(template, 'AWS::Lambda::Function', 'RemovalWorkflowSubmit').Properties.Environment;
    expect(Variables).toMatchObject({
      UPLOADS_PREFIX: PREFIXES.uploadsPrefix,
      RESULTS_PREFIX: PREFIXES.resultsPrefix,
    });
  });
});

describe('what AWS limits', () => {
  const endings = (count: number) => Array.from({ length: count }, (_, index) => `.${index}${'x'.repeat(20)}`);

  it('is the length of an event pattern: uploadsSuffixes that make it too long are refused', () => {
    const message = refusal({ uploadsSuffixes: endings(60) });
    expect(message).toMatch(/^uploadsSuffixes of Shop\/Removal .* 2,048 characters/);
    expect(() => make({ uploadsSuffixes: endings(40) })).not.toThrow();
  });

  it('is the length of an event pattern: one of the caller that is too long is refused', () => {
    const key = endings(90).map((suffix) => ({ suffix }));
    const add = (method: 'onDelivered' | 'onFailed') => {
      const removal = new BackgroundRemoval(new Stack(new App(), 'Shop'), 'Removal');
      removal[method]('Rule', { eventPattern: { detail: { name: key } } });
    };
    expect(() => add('onDelivered')).toThrow(/^eventPattern of Shop\/Removal\/Rule .* 2,048 characters/);
    expect(() => add('onFailed')).toThrow(SettingError);
  });

  it('is no number of endings beside a prefix: EventBridge takes few wildcards in a rule, and so gets none', () => {
    const stack = make({ uploadsPrefix: 'in/', uploadsSuffixes: endings(60) });
    const template = Template.fromStack(stack);
    const { EventPattern } = resource(template, 'AWS::Events::Rule', 'RemovalIntakeRule').Properties;
    expect(EventPattern.detail.object.key).toEqual([{ prefix: 'in/' }]);
  });

  it.each<[string, BackgroundRemovalProps]>([
    ['resultHosts', { resultHosts: Array.from({ length: 200 }, (_, index) => `images-${index}.example.com`) }],
    ['uploadsSuffixes', { uploadsPrefix: 'in/', uploadsSuffixes: endings(200) }],
  ])('is the size of the environment variables of a function: %s that is too long is refused', (name, props) => {
    expect(refusal(props)).toMatch(new RegExp(`^${name} is too long: .* of Shop/Removal/.* 4,096 bytes`));
  });

  it('is the alphabet of the names of secrets', () => {
    for (const apiKeySecret of ['写真/api-key', 'api key', 'arn:aws:kms:eu-west-1:111122223333:key/1234']) {
      expect(() => readSettings(new App({ context: { apiKeySecret } }).node)).toThrow(
        'The setting apiKeySecret must be',
      );
    }
  });
});

describe('the longest prefixes', () => {
  const template = Template.fromStack(
    make({
      uploadsPrefix: `in/${'x'.repeat(509)}`,
      resultsPrefix: `out/${'y'.repeat(508)}`,
      uploadsSuffixes: ['.jpg', '.jpeg', '.png', '.webp'],
      webhook: {},
    }),
  );

  it('leave the policies of every role below the 10,240 characters that IAM takes', () => {
    const sizes: Record<string, number> = {};
    for (const { Properties } of Object.values(resources(template, 'AWS::IAM::Policy'))) {
      // A reference stands for an ARN, which is seldom longer than this.
      const text = JSON.stringify(Properties.PolicyDocument).replace(/\{"(Ref|Fn::GetAtt)":[^{}]*\}/g, 'x'.repeat(150));
      for (const role of Properties.Roles.map(flat)) sizes[role] = (sizes[role] ?? 0) + text.length;
    }
    expect(Math.max(...Object.values(sizes))).toBeLessThan(10_240);
  });
});
