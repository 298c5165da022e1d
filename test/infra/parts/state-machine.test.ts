import { describe, expect, it } from 'vitest';
import { flat, type Resource, resource, resources } from '../read-template.ts';
import { templateOf } from '../synth.ts';

const standard = templateOf('default');

describe('the state machines', () => {
  it('are one for an image and one for backfills', () => {
    const names = Object.keys(resources(standard, 'AWS::StepFunctions::StateMachine'));
    expect(names.sort()).toEqual(['BackfillStateMachine', 'WorkflowStateMachine']);
  });

  describe.each(['Workflow', 'Backfill'])('%s', (name) => {
    const machine = resource(standard, 'AWS::StepFunctions::StateMachine', `${name}StateMachine`);

    it('is a Standard one, and traced', () => {
      expect(machine.Properties).toMatchObject({
        StateMachineType: 'STANDARD',
        TracingConfiguration: { Enabled: true },
      });
    });

    it('logs all that happens, but not the data', () => {
      const { Level, IncludeExecutionData, Destinations } = machine.Properties.LoggingConfiguration;
      expect({ Level, IncludeExecutionData }).toEqual({ Level: 'ALL', IncludeExecutionData: false });
      const groups = Destinations.map((to: Resource['Properties']) => flat(to.CloudWatchLogsLogGroup.LogGroupArn));
      expect(groups).toEqual([`<${name}Log.Arn>`]);
    });

    it('logs under the prefix that all state machines share a resource policy for', () => {
      const { Properties, DeletionPolicy } = resource(standard, 'AWS::Logs::LogGroup', `${name}Log`);
      expect(Properties.LogGroupName).toMatch(/^\/aws\/vendedlogs\/states\/./);
      expect(Properties.RetentionInDays).toBe(90);
      expect(DeletionPolicy).toBe('Delete');
    });
  });
});
