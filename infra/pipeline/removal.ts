import { Duration } from 'aws-cdk-lib';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { allowToReadSecret } from '../parts/api-key.ts';
import { bucketVariables, type Deployment } from '../parts/bucket-access.ts';
import { BundledFunction, list, text } from '../parts/function.ts';
import type { DailyLimit } from './daily-limit.ts';
import type { PauseAccess } from './pause.ts';
import type { Webhook } from './webhook.ts';
import { type CallbackProps, Workflow } from './workflow.ts';

/** Shortest time that an execution waits for its callback before it polls. */
const CALLBACK_TIMEOUT = Duration.minutes(5);

export interface RemovalProps extends Deployment {
  /** Origin of the gateway. */
  readonly gatewayUrl: string;
  /** The secret whose text is the gateway's API key. */
  readonly apiKeySecret: ISecret;
  /** Hosts that results may be fetched from. */
  readonly resultHosts: readonly string[];
  /** Delay before the first status check. */
  readonly expectedTime: Duration;
  /** Formats that are submitted. */
  readonly imageFormats: readonly string[];
  /** Largest image that is submitted, in millions of pixels. */
  readonly maxMegapixels: number;
  /** How long a job may take from its acceptance, in whole minutes. */
  readonly timeout: Duration;
  /** Counts submissions, and stops them. @default - no limit */
  readonly dailyLimit?: DailyLimit | undefined;
  /** Where a pause stands. @default - uploads are never held back */
  readonly pause?: PauseAccess | undefined;
  /** Where the gateway calls back. @default - polling */
  readonly webhook?: Webhook | undefined;
}

/** The state machine that removes the background of one image, and the three functions that it invokes. */
export class Removal extends Construct {
  readonly stateMachine: StateMachine;
  readonly #props: RemovalProps;

  constructor(scope: Construct, id: string, props: RemovalProps) {
    super(scope, id);
    this.#props = props;
    const { apiKeySecret, expectedTime, webhook } = props;
    const gateway = {
      GATEWAY_URL: props.gatewayUrl,
      API_KEY_SECRET_ARN: apiKeySecret.secretArn,
    };
    const timed = { ...gateway, TIMEOUT_MINUTES: text(props.timeout.toMinutes()) };
    const submit = this.submit(timed);
    const checkStatus = this.checkStatus(timed);
    const deliver = this.deliver(gateway);
    for (const caller of [submit, checkStatus, deliver]) allowToReadSecret(apiKeySecret, caller);
    // States and functions have the same names, so they need a scope each. The CDK leaves "Default" out of logical ids.
    this.stateMachine = new Workflow(this, 'Default', {
      submit,
      checkStatus,
      deliver,
      callback: webhook && callbackOf(webhook, expectedTime),
    }).stateMachine;
    webhook?.allowToWake(this.stateMachine);
  }

  private submit(gateway: Record<string, string>): BundledFunction {
    const { deployment, uploads, results, dailyLimit, pause, webhook } = this.#props;
    const { expectedTime, imageFormats, maxMegapixels } = this.#props;
    return new BundledFunction(this, 'Submit', {
      bundle: 'submit',
      deployment,
      description: 'Looks at an image, presigns its URL and submits it to the gateway',
      environment: {
        ...webhook?.environment,
        ...dailyLimit?.environment,
        ...pause?.environment,
        ...bucketVariables(this.#props),
        ...gateway,
        EXPECTED_SECONDS: text(expectedTime.toSeconds()),
        IMAGE_FORMATS: imageFormats.join(','),
        MAX_MEGAPIXELS: text(maxMegapixels),
      },
      // GetObjectVersion is what a presigned URL of a version needs of its signer.
      permissions: [
        uploads.objects(['s3:GetObject', 's3:GetObjectVersion']),
        uploads.list(),
        ...uploads.decrypt(),
        // To find a result of the same bytes.
        results.objects(['s3:GetObject']),
        results.list(),
        ...(webhook ? [webhook.noteSubmissions] : []),
        ...(dailyLimit ? [dailyLimit.count] : []),
        ...(pause?.change ?? []),
      ],
    });
  }

  private checkStatus(gateway: Record<string, string>): BundledFunction {
    return new BundledFunction(this, 'CheckStatus', {
      bundle: 'check-status',
      deployment: this.#props.deployment,
      description: 'Asks the gateway for the status of a job',
      environment: gateway,
      permissions: [],
    });
  }

  private deliver(gateway: Record<string, string>): BundledFunction {
    const { deployment, uploads, results, resultHosts } = this.#props;
    return new BundledFunction(this, 'Deliver', {
      bundle: 'deliver',
      deployment,
      description: 'Streams a result from the CDN into the results bucket',
      environment: { ...bucketVariables(this.#props), ...gateway, RESULT_HOSTS: list(resultHosts) },
      // 4 parts of 8 MB in flight, and the share of a CPU and of the network that comes with the memory.
      memorySize: 512,
      // Two downloads of up to 4 minutes, and between them a status request.
      timeout: Duration.minutes(9),
      permissions: [
        uploads.objects(['s3:GetObject']),
        uploads.list(),
        results.objects(['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload']),
        results.objects(['s3:DeleteObject'], '*.error.json'),
        results.list(),
        ...results.encryptParts(),
      ],
    });
  }
}

/** A callback that comes is in time for nearly every job. */
function callbackOf({ table }: Webhook, expectedTime: Duration): CallbackProps {
  return { table, timeout: Duration.seconds(Math.max(CALLBACK_TIMEOUT.toSeconds(), 2 * expectedTime.toSeconds())) };
}
