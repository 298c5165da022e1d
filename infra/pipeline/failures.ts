import { EventField, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { executionArn } from '../parts/arns.ts';
import { bucketVariables, type Deployment } from '../parts/bucket-access.ts';
import { EventQueue } from '../parts/event-queue.ts';
import { BundledFunction, FUNCTION_TIMEOUT } from '../parts/function.ts';
import { FAILURES, statusChange } from './status-change.ts';

export interface FailuresProps extends Deployment {
  /** The state machine whose failures are reported. */
  readonly stateMachine: StateMachine;
}

/** The way of a failed execution to its error file: EventBridge rule → queue → report-failure. */
export class Failures extends EventQueue {
  constructor(scope: Construct, id: string, props: FailuresProps) {
    const { deployment, stateMachine, uploads, results } = props;
    super(scope, id, {
      description: 'Executions that failed, timed out or were aborted',
      eventPattern: statusChange(stateMachine, { status: FAILURES }),
      // Not the execution's input, in which the query of an image URL may be a signature.
      message: RuleTargetInput.fromObject({ detail: { executionArn: EventField.fromPath('$.detail.executionArn') } }),
      functionTimeout: FUNCTION_TIMEOUT,
    });
    const reportFailure = new BundledFunction(this, 'ReportFailure', {
      bundle: 'report-failure',
      deployment,
      description: 'Writes <key>.error.json for an execution that failed',
      environment: bucketVariables(props),
      permissions: [
        {
          actions: ['states:DescribeExecution', 'states:GetExecutionHistory'],
          resources: [executionArn(stateMachine, ':*')],
          wildcard: 'All executions of this state machine, and of no other.',
        },
        uploads.objects(['s3:GetObject']),
        uploads.list(),
        ...uploads.decrypt(),
        results.objects(['s3:GetObject']),
        results.objects(['s3:PutObject', 's3:DeleteObject'], '*.error.json'),
        results.list(),
        ...results.encrypt(),
      ],
    });
    // Step Functions answers about 15 of these calls a second, and an empty wallet fails thousands of executions at once.
    this.deliverTo(reportFailure, { batchSize: 1, maxConcurrency: 2 });
  }
}
