import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AttributeType, BillingMode, type ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { FunctionUrlAuthType } from 'aws-cdk-lib/aws-lambda';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { BundledFunction, type Permission } from '../parts/function.ts';
import { accept } from '../parts/nag.ts';
import { SettingError } from '../settings/readers.ts';

export interface WebhookProps {
  /**
   * Bound on callbacks processed at once, so that nobody can use up the account's concurrency through the public
   * endpoint: the function's reserved concurrency.
   * @default - none: an account with a limit of 10 could not deploy it
   */
  readonly reservedConcurrency?: number | undefined;
}

/** Regions in which Lambda has no function URLs, by its documentation and those of GovCloud and of the China Regions. */
const WITHOUT_FUNCTION_URLS = new Set(
  (
    'ap-east-2 ap-south-2 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-west-1 eu-central-2 eu-south-2 ' +
    'il-central-1 me-central-1 us-gov-east-1 us-gov-west-1 cn-north-1 cn-northwest-1'
  ).split(' '),
);

/** The public endpoint that the gateway calls back, and the table by which a callback finds its execution. */
export class Webhook extends Construct {
  readonly table: ITable;
  readonly url: string;
  /** What Submit needs: to make a submission's record, and to find a callback in it. */
  readonly noteSubmissions: Permission;
  /** Submit's environment in webhook mode. */
  readonly environment: Record<string, string>;
  readonly #callback: BundledFunction;

  /** @throws SettingError in a region, known at synth, in which Lambda has no function URLs */
  constructor(scope: Construct, id: string, props: WebhookProps & { readonly deployment: string }) {
    super(scope, id);
    const { region } = Stack.of(this);
    if (WITHOUT_FUNCTION_URLS.has(region)) {
      throw new SettingError(
        `webhook of ${scope.node.path} cannot be used in ${region}, where Lambda has no function URLs. Drop it: the ` +
          'gateway is polled then.',
      );
    }
    this.table = new Table(this, 'Callbacks', {
      partitionKey: { name: 'submission', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      timeToLiveAttribute: 'expiresAt',
      // Hints only: without them the executions poll.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    accept(
      this.table,
      'AwsSolutions-DDB3',
      'Records are hints that are worthless within minutes; lost ones cost latency.',
    );
    const update: Permission = { actions: ['dynamodb:UpdateItem'], resources: [this.table.tableArn] };
    this.noteSubmissions = update;

    this.#callback = new BundledFunction(this, 'OnCallback', {
      bundle: 'on-callback',
      deployment: props.deployment,
      description: 'Wakes the execution whose job the gateway says has ended',
      environment: { CALLBACK_TABLE: this.table.tableName },
      timeout: Duration.seconds(15),
      reservedConcurrentExecutions: props.reservedConcurrency,
      permissions: [update],
    });
    // Public, because the gateway signs nothing; the path's capability is what lets a caller in.
    this.url = this.#callback.addFunctionUrl({ authType: FunctionUrlAuthType.NONE }).url;
    this.environment = { CALLBACK_TABLE: this.table.tableName, CALLBACK_URL: this.url };
  }

  /** Lets callbacks wake executions; a policy of its own, because the state machine itself depends on this function. */
  allowToWake(stateMachine: StateMachine): void {
    const wake = new PolicyStatement({
      actions: ['states:SendTaskSuccess'],
      resources: [stateMachine.stateMachineArn],
    });
    new Policy(this, 'Wake', { statements: [wake] }).attachToRole(this.#callback.ownRole);
  }
}
