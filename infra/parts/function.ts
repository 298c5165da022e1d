import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Duration, Fn, RemovalPolicy, Token, Tokenization } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunction, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { CONNECT_ATTEMPT_MS } from '../../functions/runtime/connecting.ts';
import { refuseLargeEnvironment } from './limits.ts';
import { METRICS_NAMESPACE } from './metrics.ts';
import { accept, acceptWildcard } from './nag.ts';
import { BUNDLES } from './paths.ts';

/** How long a function may run, unless it says otherwise. */
export const FUNCTION_TIMEOUT = Duration.minutes(1);

/** A number as an environment variable's text, also one that is known only at deployment. */
export function text(number: number): string {
  return Token.isUnresolved(number) ? Tokenization.stringifyNumber(number) : String(number);
}

/** A list as an environment variable's text, also one that is known only at deployment. */
export function list(items: readonly string[]): string {
  return Token.isUnresolved(items) ? Fn.join(',', [...items]) : items.join(',');
}

/** What a function may do. */
export interface Permission {
  readonly actions: string[];
  readonly resources: string[];
  /** Why a resource holds a wildcard, for whoever reviews the role. */
  readonly wildcard?: string;
}

export interface BundledFunctionProps {
  /** Name of the bundle, which is that of its file in `functions/`. */
  readonly bundle: string;
  readonly description: string;
  /** Name of the deployment that metrics and log lines are told apart by. */
  readonly deployment: string;
  readonly environment: Record<string, string>;
  /** What the function may do, besides writing its log and traces. */
  readonly permissions: Permission[];
  /** @default 256 MB */
  readonly memorySize?: number;
  /** @default - the account's */
  readonly reservedConcurrentExecutions?: number | undefined;
  /** @default FUNCTION_TIMEOUT */
  readonly timeout?: Duration;
}

/** A function of Cutout, made from its bundle, with a log group and a role of its own. */
export class BundledFunction extends LambdaFunction {
  readonly ownRole: Role;

  constructor(scope: Construct, id: string, props: BundledFunctionProps) {
    const code = join(BUNDLES, props.bundle);
    if (!existsSync(code)) throw new Error(`The function ${props.bundle} has not been bundled. Run: npm run build`);
    const logGroup = new LogGroup(scope, `${id}Log`, {
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);
    for (const { actions, resources, wildcard } of props.permissions) {
      role.addToPolicy(new PolicyStatement({ actions, resources }));
      if (wildcard) for (const resource of resources) acceptWildcard(role, resource, wildcard);
    }
    acceptWildcard(role, '*', 'Traces are no resource: X-Ray lets nobody narrow xray:PutTraceSegments.');

    const environment = {
      POWERTOOLS_SERVICE_NAME: props.deployment,
      POWERTOOLS_METRICS_NAMESPACE: METRICS_NAMESPACE,
      NODE_OPTIONS: `--enable-source-maps --network-family-autoselection-attempt-timeout=${CONNECT_ATTEMPT_MS}`,
      ...props.environment,
    };
    refuseLargeEnvironment(scope, `${scope.node.path}/${id}`, environment);

    super(scope, id, {
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(code),
      handler: `${props.bundle}.handler`,
      description: props.description,
      memorySize: props.memorySize ?? 256,
      timeout: props.timeout ?? FUNCTION_TIMEOUT,
      environment,
      reservedConcurrentExecutions: props.reservedConcurrentExecutions,
      tracing: Tracing.ACTIVE,
      logGroup,
      role,
    });
    this.ownRole = role;
    accept(
      this,
      'Serverless-LambdaDLQ',
      'Invoked by Step Functions, from a queue with a dead-letter queue, or by a schedule that makes up for a failure.',
    );
  }
}
