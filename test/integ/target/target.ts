import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { GetQueueAttributesCommand, SendMessageCommand, StartMessageMoveTaskCommand } from '@aws-sdk/client-sqs';
import type { Places, RemovalName } from '../places.ts';
import type { Platform } from '../platforms/platform.ts';
import { STACK_NAME } from '../stack-name.ts';
import { type Clients, clientsFor, destroyClients } from './clients.ts';
import { Executions } from './executions.ts';
import { RemoteGateway } from './gateway.ts';
import { RemoteGuards } from './guards.ts';
import { Objects } from './objects.ts';

const COMMANDS = join(import.meta.dirname, '../../../commands');

/** What a program said, and how it ended. */
export interface Said {
  output: string;
  exitCode: number | null;
}

/** The deployed stack, wherever it is: what cases do to it and see of it, all by AWS's API. */
export class Target {
  readonly platform: Platform;
  readonly clients: Clients;
  readonly objects: Objects;
  readonly executions: Executions;
  readonly gateway: RemoteGateway;
  readonly guards: RemoteGuards;
  #outputs: Map<string, string>;

  /** Looks at the stack that is deployed. */
  static async of(platform: Platform): Promise<Target> {
    const clients = clientsFor(platform.environment);
    return new Target(platform, clients, await readOutputs(clients));
  }

  private constructor(platform: Platform, clients: Clients, outputs: Map<string, string>) {
    this.platform = platform;
    this.clients = clients;
    this.#outputs = outputs;
    this.objects = new Objects(clients.s3);
    this.executions = new Executions(clients.sfn);
    this.gateway = new RemoteGateway(this.objects, this.output('GatewayBucket'));
    this.guards = new RemoteGuards(clients, (name) => this.output(name));
  }

  close(): void {
    destroyClients(this.clients);
  }

  output(name: string): string {
    const value = this.#outputs.get(name);
    if (value === undefined) throw new Error(`The stack has no output ${name}`);
    return value;
  }

  places(removal: RemovalName): Places {
    return JSON.parse(this.output(`PlacesOf${removal}`));
  }

  /** Deploys the stack again with another context, and looks at it anew. */
  async redeploy(context: Readonly<Record<string, string>>): Promise<void> {
    await this.platform.deploy(context);
    this.#outputs = await readOutputs(this.clients);
  }

  /** Stores an API key as the output SetApiKeyCommand does. */
  async setApiKey(key: string): Promise<void> {
    const SecretId = this.output('ApiKeySecretArn');
    await this.clients.secrets.send(new PutSecretValueCommand({ SecretId, SecretString: key }));
  }

  async sendMessage(QueueUrl: string, body: unknown): Promise<void> {
    await this.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(body) }));
  }

  /** About how many messages a queue holds, whether or not somebody has them at hand. */
  async messagesIn(QueueUrl: string): Promise<number> {
    const { Attributes = {} } = await this.clients.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
    );
    const { ApproximateNumberOfMessages: visible, ApproximateNumberOfMessagesNotVisible: taken } = Attributes;
    return Number(visible ?? 0) + Number(taken ?? 0);
  }

  /** Does what the output MoveDeadLettersCommand does. */
  async moveMessages(SourceArn: string, DestinationArn: string): Promise<void> {
    await this.clients.sqs.send(new StartMessageMoveTaskCommand({ SourceArn, DestinationArn }));
  }

  /** Runs one of the project's own commands on the stack, as a person does. */
  command(name: string, ...args: string[]): Promise<Said> {
    return this.#run(process.execPath, [join(COMMANDS, `${name}.ts`), ...args, '--stack', STACK_NAME]);
  }

  /** Runs a command of the stack's outputs, as it is printed. */
  shell(command: string): Promise<Said> {
    return this.#run('sh', ['-c', command]);
  }

  #run(program: string, args: string[]): Promise<Said> {
    const env = { ...process.env, ...this.platform.environment };
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (exitCode) => resolve({ output, exitCode }));
    });
  }
}

async function readOutputs({ cloudFormation }: Clients): Promise<Map<string, string>> {
  const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: STACK_NAME }));
  const outputs = Stacks[0]?.Outputs ?? [];
  return new Map(outputs.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]));
}
