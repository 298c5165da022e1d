import { describe, expect, it } from 'vitest';
import { flat, grantsOf, resource, resources } from '../read-template.ts';
import { templateOf } from '../synth.ts';

const limited = templateOf('paced');

describe('the daily limit', () => {
  it('makes a table only where there is one, whose counts go away by themselves', () => {
    templateOf('default').resourceCountIs('AWS::DynamoDB::Table', 0);
    const [table, ...others] = Object.values(resources(limited, 'AWS::DynamoDB::Table'));
    expect(others).toEqual([]);
    expect(table?.Properties).toMatchObject({
      KeySchema: [{ AttributeName: 'day', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    });
  });

  it('is known to Submit, which alone may count', () => {
    const { Variables } = resource(limited, 'AWS::Lambda::Function', 'WorkflowSubmit').Properties.Environment;
    expect({ ...Variables, LIMIT_TABLE: flat(Variables.LIMIT_TABLE) }).toMatchObject({
      LIMIT_TABLE: '<DailyLimitDays>',
      IMAGES_PER_DAY: '500',
    });
    const roles = Object.keys(resources(limited, 'AWS::IAM::Role'));
    const counting = roles.filter((role) =>
      grantsOf(limited, role).some(({ action }) => action.startsWith('dynamodb:')),
    );
    expect(counting).toEqual(['WorkflowSubmitRole']);
  });

  it('is put out, for the commands that tell what is left', () => {
    const { ImagesPerDay, DailyLimitTable } = limited.findOutputs('*');
    expect(flat(ImagesPerDay?.Value)).toBe('500');
    expect(flat(DailyLimitTable?.Value)).toBe('<DailyLimitDays>');
  });
});
