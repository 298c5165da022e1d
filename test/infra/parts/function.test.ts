import { describe, expect, it } from 'vitest';
import { flat, type Resource, resource, resources } from '../read-template.ts';
import { templateOf } from '../synth.ts';
import type { Variant } from '../variants.ts';

const standard = templateOf('default');
const FUNCTIONS = [
  ...['WorkflowSubmit', 'WorkflowCheckStatus', 'WorkflowDeliver', 'IntakeOnUpload', 'FailuresReportFailure'],
  ...['BackfillPrepare', 'BackfillSelect', 'BackfillPlan', 'BackfillReport', 'KeepPauseFunction'],
];

describe('the functions', () => {
  it('are exactly ten, without a custom resource', () => {
    expect(Object.keys(resources(standard, 'AWS::Lambda::Function')).sort()).toEqual([...FUNCTIONS].sort());
    const custom = Object.values(standard.toJSON().Resources as Record<string, Resource>)
      .map(({ Type }) => Type)
      .filter((type) => /^(Custom::|AWS::CloudFormation::CustomResource)/.test(type));
    expect(custom).toEqual([]);
  });

  it.each([
    ['WorkflowSubmit', 'submit', 256, 60],
    ['WorkflowCheckStatus', 'check-status', 256, 60],
    ['WorkflowDeliver', 'deliver', 512, 540],
    ['IntakeOnUpload', 'on-upload', 256, 30],
    ['FailuresReportFailure', 'report-failure', 256, 60],
    ['BackfillPrepare', 'prepare-backfill', 256, 60],
    ['BackfillSelect', 'select-images', 256, 60],
    ['BackfillPlan', 'plan-backfill', 256, 900],
    ['BackfillReport', 'report-backfill', 256, 900],
    ['KeepPauseFunction', 'keep-pause', 256, 60],
  ])('%s runs its bundle on Node.js 24 and arm64, traced', (name, service, MemorySize, Timeout) => {
    const { Properties } = resource(standard, 'AWS::Lambda::Function', name);
    expect(Properties).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: `${service}.handler`,
      MemorySize,
      Timeout,
      TracingConfig: { Mode: 'Active' },
      Environment: {
        Variables: {
          POWERTOOLS_SERVICE_NAME: expect.stringMatching(/^Cutout-BackgroundRemoval/),
          POWERTOOLS_METRICS_NAMESPACE: 'Cutout',
        },
      },
    });
    // An account may have as few as ten executions at once, of which none can be reserved.
    expect(Properties).not.toHaveProperty('ReservedConcurrentExecutions');
  });

  it.each(FUNCTIONS)('%s writes to a log group of its own, which forgets and leaves with the stack', (name) => {
    const { Properties } = resource(standard, 'AWS::Lambda::Function', name);
    expect(flat(Properties.LoggingConfig.LogGroup)).toBe(`<${name}Log>`);
    const log = resource(standard, 'AWS::Logs::LogGroup', `${name}Log`);
    expect(log.Properties.RetentionInDays).toBe(90);
    expect(log.DeletionPolicy).toBe('Delete');
  });

  it.each(FUNCTIONS)('%s has a role of its own', (name) => {
    const { Properties } = resource(standard, 'AWS::Lambda::Function', name);
    expect(flat(Properties.Role)).toBe(`<${name}Role.Arn>`);
  });

  it.each(FUNCTIONS)('%s has no secret in its environment, only where to find it', (name) => {
    const { Variables } = resource(standard, 'AWS::Lambda::Function', name).Properties.Environment;
    const secrets = Object.entries<Resource['Properties']>(Variables).filter(([, value]) => typeof value !== 'string');
    for (const [, value] of secrets)
      expect(flat(value)).toMatch(
        /^<(ApiKey|Uploads|Results|WorkflowStateMachine|Intake(DeadLetter)?Queue|IntakeOnUploadSqsEventSource\w+)>$/,
      );
    expect(JSON.stringify(Variables)).not.toContain('{{resolve:');
  });

  describe('learn what they need to know', () => {
    const variables = (variant: Variant, name: string) => {
      const { Variables } = resource(templateOf(variant), 'AWS::Lambda::Function', name).Properties.Environment;
      const entries = Object.entries<Resource['Properties']>(Variables);
      return Object.fromEntries(entries.map(([key, value]) => [key, flat(value)]));
    };
    const buckets = { UPLOADS_BUCKET: '<Uploads>', RESULTS_BUCKET: '<Results>' };

    it('by default', () => {
      const everywhere = { ...buckets, UPLOADS_PREFIX: '', RESULTS_PREFIX: '' };
      const gateway = { GATEWAY_URL: 'https://gateway.pixazo.ai', API_KEY_SECRET_ARN: '<ApiKey>' };
      const patience = { TIMEOUT_MINUTES: '90' };
      expect(variables('default', 'WorkflowSubmit')).toMatchObject({ ...everywhere, ...gateway, ...patience });
      expect(variables('default', 'WorkflowCheckStatus')).toMatchObject({ ...gateway, ...patience });
      expect(variables('default', 'WorkflowDeliver')).toMatchObject({
        ...everywhere,
        ...gateway,
        RESULT_HOSTS: '*.r2.dev',
      });
      expect(variables('default', 'FailuresReportFailure')).toMatchObject(everywhere);
    });

    it('from the setting for the pace', () => {
      expect(variables('paced', 'IntakeOnUpload')).toMatchObject({ MS_PER_UPLOAD: '1600' });
      // Their delays are 15 s at most, which is within the function's timeout.
      expect(variables('default', 'IntakeOnUpload')).toMatchObject({ MS_PER_UPLOAD: '0', AWS_MAX_ATTEMPTS: '5' });
    });

    it('from the settings for the gateway', () => {
      const gateway = { GATEWAY_URL: 'https://gateway.example.com' };
      const hosts = { RESULT_HOSTS: '*.example.com,http://127.0.0.1:8080' };
      expect(variables('tuned', 'WorkflowSubmit')).toMatchObject({ ...gateway, TIMEOUT_MINUTES: '45' });
      expect(variables('tuned', 'WorkflowCheckStatus')).toMatchObject({ ...gateway, TIMEOUT_MINUTES: '45' });
      expect(variables('tuned', 'WorkflowDeliver')).toMatchObject({ ...gateway, ...hosts });
    });

    it.each(['WorkflowSubmit', 'WorkflowDeliver', 'FailuresReportFailure', 'BackfillPrepare', 'BackfillSelect'])(
      'from the settings for prefixes (%s)',
      (name) => {
        const prefixes = { UPLOADS_PREFIX: 'in/', RESULTS_PREFIX: 'out/' };
        expect(variables('prefixes', name)).toMatchObject({ ...buckets, ...prefixes });
      },
    );

    it.each(['WorkflowDeliver', 'FailuresReportFailure', 'BackfillPlan', 'BackfillReport'])(
      'from the setting for the key of the results, if it is known (%s)',
      (name) => {
        expect(variables('kms', name).RESULTS_KMS_KEY).toMatch(/:key\/results$/);
        expect(variables('existing', name)).not.toHaveProperty('RESULTS_KMS_KEY');
        expect(variables('default', name)).not.toHaveProperty('RESULTS_KMS_KEY');
      },
    );

    it('from the settings for backfills', () => {
      expect(variables('default', 'BackfillSelect').UPLOADS_SUFFIXES).toBe('');
      expect(variables('suffixes', 'BackfillSelect').UPLOADS_SUFFIXES).toBe('.jpg,.JPG');
    });
  });
});
