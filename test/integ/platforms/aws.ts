import type { Denials } from '../denials.ts';
import { type Clients, clientsFor } from '../target/clients.ts';
import { AwsAccess } from './aws-access.ts';
import { Cdk } from './cdk.ts';
import { type Leftover, type Need, type Platform, type Thing, withoutCli } from './platform.ts';
import { Remains } from './remains.ts';

/** AWS, or whatever answers at AWS_ENDPOINT_URL. */
export class AwsPlatform implements Platform {
  readonly name: string;
  readonly region: string;
  readonly environment: Record<string, string>;
  readonly cannot: Partial<Record<Need, string>>;
  readonly callbackTimeoutMs = 5 * 60_000;
  readonly lookMs = 1_000;
  readonly lanes = 8;
  readonly #clients: Clients;
  readonly #cdk: Cdk;
  readonly #remains: Remains;
  #kept: Thing[] | undefined;

  /** Region, credentials and endpoint come from the environment, as for the AWS CLI. */
  static async start(cdk = new Cdk()): Promise<AwsPlatform> {
    const clients = clientsFor({});
    return new AwsPlatform(clients, cdk, await clients.s3.config.region());
  }

  private constructor(clients: Clients, cdk: Cdk, region: string) {
    this.#clients = clients;
    this.#cdk = cdk;
    this.#remains = new Remains(clients);
    this.region = region;
    this.name = process.env.AWS_ENDPOINT_URL === undefined ? 'AWS' : 'an AWS-compatible endpoint';
    // For commands: what a profile says stays as it is.
    this.environment = { AWS_REGION: region };
    this.cannot = withoutCli(process.env.AWS_ENDPOINT_URL !== undefined);
  }

  get leftovers(): readonly Leftover[] {
    return this.#remains.leftovers;
  }

  /** Ends a deployment that is under way. */
  stop(): void {
    this.#cdk.stop();
  }

  async deploy(context: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#cdk.deploy(context);
  }

  /** They run by themselves, as everybody's do. */
  async runSchedules(): Promise<void> {}

  denials(since: Date): Promise<Denials> {
    return new AwsAccess(this.#clients).denials(since);
  }

  async destroy(): Promise<Thing[]> {
    if (this.#kept !== undefined) return this.#kept;
    const stackId = await this.#remains.stackId();
    await this.#cdk.destroy();
    this.#kept = stackId === undefined ? [] : await this.#remains.of(stackId);
    if (stackId !== undefined) await this.#remains.delete();
    return this.#kept;
  }
}
