import { Duration } from 'aws-cdk-lib';
import { Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { STEPFUNCTIONS_USE_DISTRIBUTED_MAP_RESULT_WRITER_V2 } from 'aws-cdk-lib/cx-api';
import { Construct } from 'constructs';
import { LoggedStateMachine } from '../parts/state-machine.ts';
import { backfillDefinition } from './definition.ts';
import { type BackfillFunctionsProps, backfillFunctions } from './functions.ts';
import { acceptExecutions, allowFiles } from './permissions.ts';

/** Longest that a backfill may run: ten million images at three a second take 39 days. */
const BACKSTOP = Duration.days(90);

export interface BackfillProps extends BackfillFunctionsProps {
  /** The state machine that removes the background of one image. */
  readonly removal: StateMachine;
}

/**
 * A state machine that submits everything in the uploads bucket that has no result: it looks at all objects, counts and
 * prices the images without one, submits them unless it was asked for a dry run, and writes a report.
 */
export class Backfill extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, props: BackfillProps) {
    super(scope, id);
    // Results in JSON Lines are read as they stream; without this flag, the CDK leaves out how they are written.
    this.node.setContext(STEPFUNCTIONS_USE_DISTRIBUTED_MAP_RESULT_WRITER_V2, true);
    const { removal, uploads, results } = props;
    const functions = backfillFunctions(this, props);
    this.stateMachine = new LoggedStateMachine(this, 'StateMachine', {
      comment: 'Removes the background of all images in the uploads bucket that have no result',
      definition: backfillDefinition(this, { functions, removal, uploads, results }),
      functions: Object.values(functions),
      timeout: BACKSTOP,
    });
    // A policy of its own, because the state machine itself depends on this function.
    const others = new PolicyStatement({
      actions: ['states:ListExecutions'],
      resources: [this.stateMachine.stateMachineArn],
    });
    new Policy(this, 'SeeOthers', { statements: [others] }).attachToRole(functions.prepare.ownRole);
    allowFiles(this.stateMachine, props);
    acceptExecutions(this.stateMachine, removal);
  }
}
