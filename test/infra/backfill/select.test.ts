import { describe, expect, it } from 'vitest';
import { at, MAP_RUN_FAILED, planned, SELECT, state, template } from './machine.ts';

describe('Select images', () => {
  it('reads the listing of the uploads bucket within the prefix', () => {
    const [uploads] = template.resources('AWS::S3::Bucket').filter(({ logicalId }) => /Uploads/.test(logicalId));
    expect(state(SELECT).ItemReader).toEqual({
      Resource: 'arn:aws:states:::s3:listObjectsV2',
      Parameters: { Bucket: template.ref(uploads?.logicalId ?? ''), 'Prefix.$': '$.backfill.prefix' },
    });
  });

  it('looks at objects in batches, in short executions that may run twice', () => {
    const { ItemProcessor, ItemBatcher, MaxConcurrency } = state(SELECT);
    expect(ItemProcessor?.ProcessorConfig).toEqual({ Mode: 'DISTRIBUTED', ExecutionType: 'EXPRESS' });
    expect(ItemBatcher.MaxItemsPerBatch).toBe(100);
    expect(MaxConcurrency).toBe(10);
    const batch = Object.entries<string>(ItemBatcher.BatchInput).map(([key, path]) => [key, at(path, planned)]);
    const { prefix, startedAt, retryFailed } = planned.backfill;
    const given = { 'prefix.$': prefix, 'startedAt.$': startedAt, 'retryFailed.$': retryFailed };
    expect(Object.fromEntries(batch)).toEqual(given);
    expect(Object.keys(ItemProcessor?.States ?? {})).toEqual(['Look']);
    // An Express execution lasts five minutes at most.
    const [select] = template
      .resources('AWS::Lambda::Function')
      .filter(({ properties }) => properties.Handler === 'select-images.handler');
    expect(select?.properties.Timeout).toBeLessThan(300);
    expect(state('Look').Parameters.FunctionName).toBe(template.arn(select?.logicalId ?? ''));
  });

  it('stops at the first batch that cannot be looked at: who is not looked at is not reported', () => {
    for (const field of ['ToleratedFailurePercentage', 'ToleratedFailurePercentagePath', 'ToleratedFailureCount']) {
      expect(state(SELECT)).not.toHaveProperty(field);
    }
    expect(state(SELECT).Catch).toEqual([MAP_RUN_FAILED]);
  });
});
