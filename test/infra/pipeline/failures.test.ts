import { describe, expect, it } from 'vitest';
import { synthesize } from '../../../local/template.ts';

describe('the rule for failed executions', () => {
  it('queues the ARN of an execution alone: its input may hold a signed URL', () => {
    const rule = synthesize()
      .resources('AWS::Events::Rule')
      .find(({ logicalId }) => logicalId.includes('Failures'));
    const [target, ...others] = rule?.properties.Targets ?? [];
    expect(others).toEqual([]);
    expect(Object.values(target.InputTransformer.InputPathsMap)).toEqual(['$.detail.executionArn']);
    expect(JSON.parse(target.InputTransformer.InputTemplate.replace(/<[^>]+>/g, '"arn"'))).toEqual({
      detail: { executionArn: 'arn' },
    });
  });
});
