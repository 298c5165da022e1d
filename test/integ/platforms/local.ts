import { LOCAL_CREDENTIALS, LocalCloud } from '../../../local/cloud.ts';
import { REGION } from '../../../local/template.ts';
import { createIntegApp } from '../app.ts';
import type { Denials } from '../denials.ts';
import { STACK_NAME } from '../stack-name.ts';
import { LocalAccess } from './local-access.ts';
import { type Need, type Platform, type Thing, withoutCli } from './platform.ts';

/** The local services, which take their waits less seriously: the cases assert no time. */
export class LocalPlatform implements Platform {
  readonly name = 'the local services';
  readonly region = REGION;
  readonly cannot: Partial<Record<Need, string>> = {
    ...withoutCli(true),
    'notifications to queues': 'the local S3 tells EventBridge alone',
    KMS: 'the local S3 encrypts nothing',
    JSONata: 'the local interpreter knows JSONPath alone',
    'CloudWatch metrics': 'nothing takes in the metrics that functions write to their logs',
    'a stack that is destroyed': 'there is no CloudFormation',
  };
  readonly callbackTimeoutMs = 5_000;
  readonly lookMs = 50;
  readonly lanes = 4;
  readonly leftovers = [];
  #cloud: LocalCloud | undefined;
  #access: LocalAccess | undefined;

  get cloud(): LocalCloud {
    if (this.#cloud === undefined) throw new Error('Nothing is deployed');
    return this.#cloud;
  }

  get environment(): Record<string, string> {
    const { awsUrl, s3 } = this.cloud;
    return {
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
      AWS_ENDPOINT_URL: awsUrl,
      AWS_ENDPOINT_URL_S3: s3.url,
    };
  }

  async deploy(context: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.#cloud !== undefined) await this.#cloud.deploy(context);
    else this.#cloud = await start(context, this.callbackTimeoutMs);
    this.#access ??= new LocalAccess(this.#cloud);
    this.#access.deployed();
  }

  async runSchedules(): Promise<void> {
    await this.cloud.runSchedules();
  }

  /** What roles would not be allowed on AWS, by the policies of the template. */
  async denials(): Promise<Denials> {
    return { denials: (await this.#access?.denials()) ?? [], unseen: [] };
  }

  async destroy(): Promise<Thing[]> {
    await this.#cloud?.close();
    this.#cloud = undefined;
    return [];
  }
}

function start(settings: Readonly<Record<string, string>>, callbackTimeoutMs: number): Promise<LocalCloud> {
  return LocalCloud.start({
    ...{ app: createIntegApp, stackName: STACK_NAME, settings },
    ...{ waitMs: 200, retryMs: 200, visibilityMs: 100, callbackTimeoutMs },
    // Source maps would take longer to load than all else, each time that a function starts.
    environment: { NODE_OPTIONS: '' },
  });
}
