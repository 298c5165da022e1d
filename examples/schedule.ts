import { App, Stack, TimeZone } from 'aws-cdk-lib';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import type { Construct } from 'constructs';
import { BackgroundRemoval, type BackgroundRemovalProps } from 'cutout';

/** Every night, submits uploads that have no cutout: at most 1,000 of them, which is $18 at the gateway. */
export class ScheduleStack extends Stack {
  constructor(scope: Construct, id: string, props?: BackgroundRemovalProps) {
    super(scope, id);
    const removal = new BackgroundRemoval(this, 'Cutouts', props);
    new Schedule(this, 'Nightly', {
      schedule: ScheduleExpression.cron({ hour: '2', minute: '30', timeZone: TimeZone.EUROPE_BERLIN }),
      target: new StepFunctionsStartExecution(removal.backfillStateMachine, {
        input: ScheduleTargetInput.fromObject({ maxImages: 1000 }),
      }),
    });
  }
}

// npm run build:library && npx cdk deploy --app 'npx node examples/schedule.ts'
if (import.meta.main) new ScheduleStack(new App(), 'Schedule');
