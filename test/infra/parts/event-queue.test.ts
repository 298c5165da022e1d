import { describe, expect, it } from 'vitest';
import { flat, resource, resources, statementsFor } from '../read-template.ts';
import { templateOf } from '../synth.ts';

const standard = templateOf('default');

describe('the queues', () => {
  it('are one for uploads and one for failures, each with one for dead letters', () => {
    expect(Object.keys(resources(standard, 'AWS::SQS::Queue')).sort()).toEqual([
      'FailuresDeadLetterQueue',
      'FailuresQueue',
      'IntakeDeadLetterQueue',
      'IntakeQueue',
    ]);
  });

  describe.each([
    ['IntakeQueue', 'IntakeRule'],
    ['IntakeDeadLetterQueue', 'IntakeRule'],
    ['FailuresQueue', 'FailuresRule'],
    ['FailuresDeadLetterQueue', 'FailuresRule'],
  ])('%s', (name, rule) => {
    const { Properties } = resource(standard, 'AWS::SQS::Queue', name);
    // SQS counts from the upload also in a dead-letter queue: a day is left there.
    const days = name.includes('DeadLetter') ? 14 : 13;

    it('is encrypted with a key of SQS, which EventBridge may use, and keeps messages for as long as it may', () => {
      expect(Properties).toMatchObject({ SqsManagedSseEnabled: true, MessageRetentionPeriod: days * 24 * 3600 });
      expect(Properties).not.toHaveProperty('KmsMasterKeyId');
    });

    it(`is reached over TLS only, and filled by EventBridge for ${rule} only`, () => {
      const statements = statementsFor(standard, 'AWS::SQS::QueuePolicy', name);
      const [denied, allowed, ...others] = statements;
      expect(others).toEqual([]);
      expect(denied).toMatchObject({
        Effect: 'Deny',
        Action: 'sqs:*',
        Principal: { AWS: '*' },
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      });
      expect(allowed).toMatchObject({ Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' } });
      expect([allowed.Action].flat()).toContain('sqs:SendMessage');
      expect(flat(allowed.Condition.ArnEquals['aws:SourceArn'])).toBe(`<${rule}.Arn>`);
    });
  });
});
