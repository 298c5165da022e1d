import { describe, expect, it } from 'vitest';
import { denialsIn, distinct } from './denials.ts';
import { isGood, markdownOf, type Report, withoutIds } from './report.ts';

const REPORT: Report = {
  startedAt: '2026-11-27T10:00:00.000Z',
  seconds: 1800,
  ...{ platform: 'AWS', region: 'eu-west-1', version: '0.2.0', node: '24.21.0' },
  outcomes: [
    { name: 'A case', outcome: 'ran', seconds: 1.25, note: 'with a | and\ntwo lines' },
    { name: 'Another case', outcome: 'cannot run here', note: 'because there is no AWS CLI' },
  ],
  notTried: [],
  denials: [],
  unseen: [],
  leftovers: [],
};

describe('the report', () => {
  it('leaves out account, ids, addresses and signatures, wherever they stand', () => {
    const note = [
      'arn:aws:states:eu-west-1:123456789012:execution:CutoutInteg-Main:cat-0123456789abcdef0123456789abcdef',
      'bria-rmbg-2-0-682_019d0123-4567-7890-abcd-0123456789ab',
      'https://cutoutinteg-uploads-1x.s3.eu-west-1.amazonaws.com/cat.jpg?X-Amz-Signature=abc&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE',
      's3://cutoutinteg-backgroundremovaluploads-abc123/cat.jpg AKIAIOSFODNN7EXAMPLE',
    ].join(' ');
    const [outcome] = withoutIds({ ...REPORT, outcomes: [{ name: 'A case', outcome: 'failed', note }] }).outcomes;
    expect(outcome?.note).not.toMatch(/\d{12}|0123456789ab|amazonaws|X-Amz|abc123|AKIA/);
    expect(outcome?.note).toContain('arn:aws:states:eu-west-1:<account>:execution:CutoutInteg-Main');
  });

  it('is a page with a row for each case, whatever its note holds', () => {
    const page = markdownOf(REPORT);
    expect(page).toContain('| A case | ran | 1.3 | with a \\| and two lines |');
    expect(page).toContain('**1 ran, 0 failed, 1 cannot run here.**');
    expect(page).toMatch(/## What no function URL can do, and so was not run\n\n\n\* connections that are reset/);
  });

  it.each<[string, Partial<Report>, boolean]>([
    ['cases that ran, or cannot', {}, true],
    ['a KMS key that waits for its deletion', { leftovers: [{ what: 'Key', type: 'AWS::KMS::Key', why: '' }] }, true],
    ['a case that failed', { outcomes: [{ name: 'A case', outcome: 'failed' }] }, false],
    ['a denial', { denials: denialsIn('AccessDenied', { by: 'a role', where: 'CloudTrail' }) }, false],
    ['a bucket that is left', { leftovers: [{ what: 'Uploads', type: 'AWS::S3::Bucket', why: '' }] }, false],
    ['a deployment that failed', { problem: 'cdk deploy ended with exit code 1.' }, false],
  ])('with %s ends well or badly as it should', (_, part, good) => {
    expect(isGood({ ...REPORT, ...part })).toBe(good);
  });
});

describe('a denial', () => {
  const by = { by: '/aws/lambda/x', where: 'function log' } as const;

  it('is told by principal and action, without what AWS appends to the names of roles', () => {
    const text =
      'AccessDenied: User: arn:aws:sts::123456789012:assumed-role/CutoutInteg-BackgroundRemovalSubmitRole12AB-hV4kPq9sTzLm/f ' +
      'is not authorized to perform: s3:GetObjectVersion on resource: "arn:aws:s3:::b/k" because no policy allows it';
    expect(denialsIn(text, by)).toEqual([
      {
        principal: 'CutoutInteg-BackgroundRemovalSubmitRole12AB',
        action: 's3:GetObjectVersion',
        where: 'function log',
        said: '',
      },
    ]);
  });

  it('is told as far as AWS tells it', () => {
    const [denial] = denialsIn('{"level":"ERROR","error":{"name":"AccessDenied","message":"Access Denied"}}', by);
    expect(denial).toMatchObject({ principal: '/aws/lambda/x', action: '?' });
    expect(denial?.said).toContain('Access Denied');
  });

  it('is none of other lines, and told once however often it comes', () => {
    expect(denialsIn('{"level":"INFO","message":"delivered"}', by)).toEqual([]);
    expect(distinct([...denialsIn('AccessDenied', by), ...denialsIn('AccessDenied', by)])).toHaveLength(1);
  });
});
