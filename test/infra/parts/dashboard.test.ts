import { describe, expect, it } from 'vitest';
import { flat, resource, resources } from '../read-template.ts';
import { templateOf } from '../synth.ts';

const standard = templateOf('default');

describe('the dashboard', () => {
  it('shows what comes in and goes out, failures by error, the oldest message, the time to a cutout, and the money', () => {
    const [dashboard] = Object.values(resources(standard, 'AWS::CloudWatch::Dashboard'));
    const body = flat(dashboard?.Properties.DashboardBody);
    const service = resource(standard, 'AWS::Lambda::Function', 'WorkflowSubmit').Properties.Environment.Variables
      .POWERTOOLS_SERVICE_NAME;
    for (const metric of ['Uploads', 'Submissions', 'Delivered', 'Superseded', 'Sent', 'Refused', 'UploadToCutout']) {
      expect(body).toContain(`"Cutout","${metric}","service","${service}"`);
    }
    expect(body).toContain(`SEARCH('{Cutout,service,error} MetricName=\\"Failed\\" service=\\"${service}\\"'`);
    expect(body).toContain('ApproximateAgeOfOldestMessage');
    expect(body).toContain('(FILL(accepted, 0)) * 0.018');
    expect(body).toContain('(FILL(sent, 0) - FILL(taken, 0) - FILL(refused, 0)) * 0.018');
    for (const alarm of Object.keys(resources(standard, 'AWS::CloudWatch::Alarm'))) expect(body).toContain(alarm);
  });

  it('shows what was spent today, the limit, how many uploads wait, and pauses', () => {
    const bodyOf = (template: typeof standard) =>
      flat(Object.values(resources(template, 'AWS::CloudWatch::Dashboard'))[0]?.Properties.DashboardBody);
    expect(bodyOf(standard)).toContain('Spent at the gateway today ($; no limit)');
    expect(bodyOf(templateOf('paced'))).toContain('Spent at the gateway today ($; at most 500 images, at $0.018 each)');
    expect(bodyOf(standard)).toContain('"expression":"(FILL(sent, 0) - FILL(refused, 0)) * 0.018","period":86400');
    expect(bodyOf(standard)).toContain('ApproximateNumberOfMessagesVisible');
    expect(bodyOf(standard)).toContain('"Cutout","Paused"');
    expect(bodyOf(templateOf('tuned'))).not.toContain('"Cutout","Paused"');
  });
});
