import { spawnSync } from 'node:child_process';
import type { Denials } from '../denials.ts';

/** What some cases need, and not every place has. */
export type Need =
  | 'a shell with the AWS CLI'
  | 'notifications to queues'
  | 'KMS'
  | 'JSONata'
  | 'CloudWatch metrics'
  | 'a stack that is destroyed';

/** Something of the stack. */
export interface Thing {
  /** Its logical id, or what it is. */
  what: string;
  /** Its CloudFormation type. */
  type: string;
}

/** What is left after all. */
export interface Leftover extends Thing {
  why: string;
}

/** Where the stack is, or can be, deployed to. */
export interface Platform {
  /** In the report: `AWS`, `an AWS-compatible endpoint`, `the local services`. */
  readonly name: string;
  readonly region: string;
  /** Besides this process's own: how the SDK, and commands, find it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Reasons why something is not here, to follow "because". */
  readonly cannot: Partial<Record<Need, string>>;
  /** How long an execution waits for its callback before it polls, in milliseconds. */
  readonly callbackTimeoutMs: number;
  /** Between two looks, in milliseconds. */
  readonly lookMs: number;
  /** Cases that run at once. */
  readonly lanes: number;
  /** Deploys the stack, or deploys it again with another context. */
  deploy(context?: Readonly<Record<string, string>>): Promise<void>;
  /** Runs what schedules run, where nobody need wait for its time. */
  runSchedules(): Promise<void>;
  /** What IAM has refused since. */
  denials(since: Date): Promise<Denials>;
  /**
   * Destroys the stack, unless that has been done, and then deletes what it keeps.
   * @returns what it kept
   * @throws Error that says what to do, if it is still there
   */
  destroy(): Promise<Thing[]>;
  /** What could not be deleted, once the stack has been destroyed. */
  readonly leftovers: readonly Leftover[];
}

/** From this minor version on, version 2 of the AWS CLI heeds AWS_ENDPOINT_URL; version 1 does not for SQS. */
const WITH_ENDPOINT = 13;

/**
 * What cannot be run without the AWS CLI of this machine.
 * @param hasEndpoint Whether AWS_ENDPOINT_URL says where AWS is.
 */
export function withoutCli(hasEndpoint: boolean): Platform['cannot'] {
  const { status, stdout } = spawnSync('aws', ['--version'], { encoding: 'utf8' });
  if (status !== 0) return { [CLI]: 'there is no AWS CLI on the path' };
  const [, minor = 0] = /^aws-cli\/2\.(\d+)/.exec(stdout) ?? [];
  if (!hasEndpoint || Number(minor) >= WITH_ENDPOINT) return {};
  return { [CLI]: `the AWS CLI heeds AWS_ENDPOINT_URL for all services from 2.${WITH_ENDPOINT} on` };
}

const CLI = 'a shell with the AWS CLI' satisfies Need;
