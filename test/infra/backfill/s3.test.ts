import { describe, expect, it } from 'vitest';
import { SELECT, state, template } from './machine.ts';

describe('what the Map Runs write', () => {
  it.each([
    [SELECT, 'selected'],
    ['Remove', 'removed'],
  ])('for %s lies in the folder "%s" of the backfill, in the results bucket, one line each', (name, folder) => {
    const [results] = template.resources('AWS::S3::Bucket').filter(({ logicalId }) => /Results/.test(logicalId));
    expect(state(name).ResultWriter).toEqual({
      Resource: 'arn:aws:states:::s3:putObject',
      Parameters: {
        Bucket: template.ref(results?.logicalId ?? ''),
        'Prefix.$': `States.Format('{}${folder}', $.backfill.reportPrefix)`,
      },
      WriterConfig: { OutputType: 'JSONL', Transformation: 'COMPACT' },
    });
    expect(state(name).Label).toMatch(/^[A-Za-z]{1,40}$/);
  });
});
